// The HTML report in a browser, as people use it.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { hostileTexts } from './manifests.mjs';
import { findingsOf, reports, screenshots } from './reports.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const desktop = { width: 1280, height: 900 };
const phone = { width: 375, height: 812 };

let browser;
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      '--no-sandbox', // of its own: tests run as root too
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});
after(() => browser.close());

// Opens a report, uses it, and sees to it that the page has asked for nothing and complained of nothing meanwhile.
const look = async (report, use, { viewport = desktop, colorScheme = 'light', hash = '', ...options } = {}) => {
  const context = await browser.newContext({ viewport, colorScheme, ...options });
  try {
    const page = await context.newPage();
    const url = pathToFileURL(report.file('html')).href;
    const asked = [], said = [];
    page.on('request', (request) => asked.push(request.url().split('#')[0]));
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    page.on('dialog', (dialog) => {
      said.push(dialog.message());
      return dialog.dismiss();
    });
    await page.goto(url + hash);
    await use(page);
    assert.deepEqual(said, []);
    assert.deepEqual([...new Set(asked)], [url]);
  } finally {
    await context.close();
  }
};

const levels = ['critical', 'high', 'medium', 'low'];
const capital = (text) => text[0].toUpperCase() + text.slice(1);

// What is to be seen of which findings: titles, in the order of the page.
const titles = (page) =>
  page.locator('.finding:not(.accepted):visible h4').evaluateAll((all) => all.map((title) => title.textContent));
const titlesOf = (findings) =>
  levels.flatMap((level) => findings.filter(({ severity }) => severity === level).map(({ message }) => message));
const shows = async (page, findings) => {
  assert.deepEqual(await titles(page), titlesOf(findings));
  const all = await page.locator('.finding:not(.accepted)').count();
  const words = findings.length === all ? `All ${all} findings` : `${findings.length} of ${all} findings`;
  assert.equal(await page.locator('#shown').textContent(), words);
};

test('page: what it comes to, then the worst first', () =>
  look(reports.team, async (page) => {
    const findings = findingsOf(reports.team);
    assert.ok(findings.length > 10);
    const { failed, resources, skipped, passed } = reports.team.json.summary;
    assert.equal(await page.locator('h1').textContent(), `${failed} of ${resources} resources fail`);
    assert.match(await page.title(), /fail: restricted@v1\.\d+$/);
    const header = await page.locator('header').innerText();
    assert.match(header, new RegExp(`${skipped} skipped\\s+${passed} passed`));
    for (const level of levels) {
      const count = findings.filter(({ severity }) => severity === level).length;
      assert.equal(await page.locator('.tiles li').nth(levels.indexOf(level)).innerText(), `${count}\n${capital(level)}`);
    }
    await shows(page, findings);
  }));

test('page: each finding with its place, its lines, its fix, its reason and its references', () =>
  look(reports.team, async (page) => {
    let asLines = 0; // of fixes; the others are shown as patches
    for (const finding of findingsOf(reports.team)) {
      const { resource } = finding;
      const card = page.locator('.finding', { hasText: finding.message }).filter({
        hasText: `${resource.source.file}:${finding.line}:${finding.column}`,
      });
      assert.equal(await card.count(), 1, finding.message);
      const text = await card.textContent();
      const name = `${resource.kind} ${resource.namespace}/${resource.name}`;
      for (const part of [name, finding.check, finding.remedy, finding.references[0].section])
        assert.ok(text.includes(part), `${part}: ${text}`);

      // The marked value stands in its line, as the file has it.
      const lines = readFileSync(join(reports.team.folder, resource.source.file), 'utf8').split('\n');
      const line = lines[finding.line - 1];
      const shown = card.locator('> div > .code > code', { has: page.locator('mark') });
      assert.equal(await shown.getAttribute('data-line'), String(finding.line));
      assert.equal(await shown.textContent(), line);
      const end = finding.endLine > finding.line ? line.length : finding.endColumn - 1;
      assert.equal(await shown.locator('mark').textContent(), line.slice(finding.column - 1, end));

      const fix = card.locator('dl .code');
      assert.equal(await fix.count(), finding.patch.length > 0 ? 1 : 0, finding.message);
      // What goes are lines of the file.
      for (const gone of await fix.locator('code', { has: page.locator('del') }).all())
        assert.equal(await gone.locator('del').textContent(), lines[(await gone.getAttribute('data-line')) - 1]);
      if ((await fix.locator('ins, del').count()) > 0) ++asLines;
      else if (finding.patch.length > 0) assert.ok((await fix.textContent()).includes(finding.patch[0].path), finding.message);
    }
    assert.ok(asLines > findingsOf(reports.team).length / 2, `${asLines} fixes`);
  }));

test('page: filter by severity, with the mouse', () =>
  look(reports.team, async (page) => {
    const findings = findingsOf(reports.team);
    await page.getByRole('checkbox', { name: /^critical/ }).click();
    await shows(page, findings.filter(({ severity }) => severity === 'critical'));
    await page.getByRole('checkbox', { name: /^medium/ }).click();
    await shows(page, findings.filter(({ severity }) => ['critical', 'medium'].includes(severity)));
    assert.ok(await page.locator('#high').isHidden(), 'no heading without a finding');
    await page.getByRole('button', { name: 'Clear' }).click();
    await shows(page, findings);
    assert.ok(await page.locator('#high').isVisible());
  }));

test('page: filter by namespace and check, with the mouse', () =>
  look(reports.team, async (page) => {
    const findings = findingsOf(reports.team);
    await page.getByRole('combobox', { name: 'Namespace', exact: true }).selectOption('shop');
    await shows(page, findings.filter(({ resource }) => resource.namespace === 'shop'));
    await page.getByRole('combobox', { name: 'Check', exact: true }).selectOption('run-as-non-root');
    const both = findings.filter(({ check, resource }) => check === 'run-as-non-root' && resource.namespace === 'shop');
    assert.equal(both.length, 1);
    await shows(page, both);
    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByRole('table', { name: 'By check' }).getByRole('button', { name: 'capabilities-add' }).click();
    await shows(page, findings.filter(({ check }) => check === 'capabilities-add'));
    await page.getByRole('table', { name: 'By namespace' }).getByRole('button', { name: 'monitoring' }).click();
    await shows(page, findings.filter(({ check, resource }) => check === 'capabilities-add' && resource.namespace === 'monitoring'));
  }));

test('page: filter by words', () =>
  look(reports.team, async (page) => {
    const findings = findingsOf(reports.team);
    const search = page.getByRole('searchbox', { name: 'Search', exact: true });
    await search.fill('CART.yaml');
    await shows(page, findings.filter(({ resource }) => resource.source.file.endsWith('cart.yaml')));
    await search.fill('  WEB hostPort ');
    await shows(page, findings.filter(({ check, resource }) => check === 'host-ports' && resource.name === 'web'));
    await search.fill('nothing says this');
    await shows(page, []);
    await search.fill('');
    await shows(page, findings);
  }));

test('page: filter and findings with the keyboard alone', () =>
  look(reports.team, async (page) => {
    const findings = findingsOf(reports.team);
    const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.value || document.activeElement.tagName);
    const tabTo = async (wanted) => {
      for (let i = 0; i < 60 && (await focused()) !== wanted; ++i) await page.keyboard.press('Tab');
      assert.equal(await focused(), wanted);
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, 'none', `${wanted}: the focus is to be seen`);
    };
    await tabTo('text');
    await page.keyboard.type('cart');
    const cart = findings.filter(({ resource }) => resource.name === 'cart');
    await shows(page, cart);
    await tabTo('check');
    await page.keyboard.type('privileged');
    await shows(page, cart.filter(({ check }) => check === 'privileged'));
    await tabTo('high');
    await page.keyboard.press('Space');
    await shows(page, []);
    await tabTo('clear');
    await page.keyboard.press('Enter');
    await shows(page, findings);
    assert.equal(await focused(), 'text', 'the focus is not lost with the button');
    await tabTo('fold');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.finding[open]').count(), 0);
    await tabTo('SUMMARY');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.finding[open]').count(), 1);
    assert.ok(await page.locator('.finding[open] .code').first().isVisible());
  }));

test('page: a view can be passed on', () =>
  look(
    reports.team,
    async (page) => {
      const findings = findingsOf(reports.team);
      await shows(page, findings.filter(({ severity, resource }) => severity === 'high' && resource.namespace === 'shop'));
      await page.getByRole('checkbox', { name: /^high/ }).click();
      await page.getByRole('searchbox', { name: 'Search', exact: true }).fill('a&b=c d');
      await page.reload();
      assert.equal(await page.getByRole('searchbox', { name: 'Search', exact: true }).inputValue(), 'a&b=c d');
      assert.equal(await page.getByRole('combobox', { name: 'Namespace', exact: true }).inputValue(), 'shop');
      assert.ok(!(await page.getByRole('checkbox', { name: /^high/ }).isChecked()));
      await shows(page, []);
      await page.getByRole('button', { name: 'Clear' }).click();
      await page.reload();
      await shows(page, findings);
    },
    { hash: '#severity=high&namespace=shop&check=none-of-that-name' },
  ));

test('page: all is to be read without the script', () =>
  look(
    reports.team,
    async (page) => {
      assert.deepEqual(await titles(page), titlesOf(findingsOf(reports.team)));
      assert.ok(await page.locator('#filter').isHidden());
      for (const finding of await page.locator('.finding').all()) assert.ok(await finding.locator('dl').isVisible());
      await page.locator('.tiles a').first().click();
      await page.locator('#skipped summary').click();
      assert.ok(await page.locator('#skipped li').isVisible());
    },
    { javaScriptEnabled: false },
  ));

test('page: without the script, closed findings open', () =>
  look(
    reports.hostile,
    async (page) => {
      const finding = page.locator('.finding').first();
      assert.ok(await finding.locator('dl').isHidden());
      await finding.locator('summary').click();
      assert.ok(await finding.locator('dl').isVisible());
    },
    { javaScriptEnabled: false },
  ));

test('page: accepted, stale, skipped and unreadable are told, and do not count', async () => {
  await look(reports.accepted, async (page) => {
    await shows(page, findingsOf(reports.accepted));
    const accepted = page.locator('.finding.accepted');
    assert.equal(await accepted.count(), reports.accepted.json.summary.accepted);
    await page.getByRole('button', { name: 'Close all' }).click();
    await page.getByRole('button', { name: 'Open all' }).click();
    const text = await page.locator('.group', { has: page.locator('#accepted') }).innerText();
    assert.match(text, /by a comment: reads \/proc of <every> process/);
    assert.match(text, /by the baseline/);
    assert.deepEqual(await page.locator('#stale li').allTextContents(), reports.accepted.json.stale);
    await page.getByRole('combobox', { name: 'Namespace', exact: true }).selectOption('shop');
    assert.ok((await accepted.filter({ visible: true }).count()) < (await accepted.count()), 'the filter reaches them');
  });
  await look(reports.team, async (page) => {
    await page.locator('#skipped summary').click();
    assert.match(await page.locator('#skipped li').innerText(), /Service shop\/web .*no pod template is known/);
    await page.locator('#passed summary').click();
    assert.match(await page.locator('#passed li').innerText(), /Pod payments\/ledger/);
  });
  await look(reports.hostile, async (page) => {
    assert.deepEqual(
      await page.locator('#errors li').allTextContents(),
      reports.hostile.json.resources.filter(({ verdict }) => verdict === 'error').map(({ reason }) => reason),
    );
  });
});

test('page: what runs: how namespaces stand, who is worst, what to fix first', () =>
  look(reports.scan, async (page) => {
    const { resources, summary } = reports.scan.json;
    assert.match(await page.locator('header').innerText(), /Judged by what binds them: cluster http:\/\/127\.0\.0\.1:\d+, 20\d\d-/);
    const rowsOf = (name) => page.getByRole('table', { name }).locator('tbody tr').allInnerTexts();
    const judged = resources.filter(({ verdict }) => verdict !== 'skipped');
    for (const row of await rowsOf('By namespace')) {
      const own = judged.filter(({ namespace }) => row.startsWith(namespace));
      assert.ok(own.length > 0, row);
      assert.match(row, new RegExp(`\\D${own.filter(({ verdict }) => verdict === 'pass').length} of ${own.length} pass`));
    }
    // Each step, done after those before it, makes pass what the page says.
    const mended = new Set();
    const steps = await page.getByRole('table', { name: 'Fix first' }).locator('tbody tr').all();
    assert.ok(steps.length >= 3);
    for (const step of steps) {
      const check = await step.locator('th').getAttribute('data-value');
      mended.add(check);
      const cells = await step.locator('td').allTextContents();
      assert.equal(Number(cells[0]), judged.filter(({ findings }) => findings.some((one) => one.check === check)).length);
      const passing = judged.filter(({ findings }) => findings.every((one) => mended.has(one.check))).length;
      assert.equal(cells[2], `${passing} of ${summary.passed + summary.failed}`);
    }
    const worst = page.getByRole('table', { name: 'Worst' }).locator('tbody tr');
    assert.equal(await worst.count(), 8);
    await worst.first().getByRole('button').click();
    const shown = findingsOf(reports.scan).filter(({ resource }) => resource.namespace === 'payments' && resource.name === 'search');
    await shows(page, shown);
    const card = await page.locator('.finding:visible').first().innerText();
    assert.match(card, /\(pods: 2\)/);
    assert.match(card, /restricted@v1\.\d+ enforce/);
  }));

test('page: how it was before', () =>
  look(reports.scan, async (page) => {
    const rows = await page.locator('#trend tbody tr').allInnerTexts();
    assert.equal(rows.length, 4);
    assert.match(rows[0], /^2026-03-01T08:00:00Z/);
    assert.match(rows[3], /^now/);
    const now = findingsOf(reports.scan);
    for (const [i, level] of levels.entries())
      assert.equal(rows[3].split(/\s+/).at(i - 4), String(now.filter(({ severity }) => severity === level).length));
    const heights = await page.locator('.trend rect[data-severity=critical]').evaluateAll((all) => all.map((one) => Number(one.getAttribute('height'))));
    assert.equal(heights.length, 4);
    assert.ok(heights[0] > heights[3] && heights[3] > 0, `${heights}`);
  }));

test('page: a benchmark, item by item, with those that do not pass', () =>
  look(reports.bench, async (page) => {
    const { resources } = reports.bench.json;
    assert.deepEqual(resources.map(({ kind }) => kind), ['Host', 'Container', 'Container', 'Container', 'Container']);
    const gravity = ['PASS', 'INFO', 'NOTE', 'WARN'];
    const items = new Map();
    for (const { name, items: own } of resources)
      for (const { reference, title, status } of own) {
        const item = items.get(reference.section) ?? { title, status, names: [] };
        if (gravity.indexOf(status) > gravity.indexOf(item.status)) Object.assign(item, { status, names: [] });
        if (status === item.status) item.names.push(name);
        items.set(reference.section, item);
      }
    assert.ok(items.size > 90, `${items.size} items`);
    const shown = await page.locator('#items .items > *').all();
    assert.equal(shown.length, items.size);
    let before = [];
    for (const one of shown) {
      const [status, section] = [await one.locator('.status').textContent(), await one.locator('b').first().textContent()];
      const item = items.get(section);
      assert.equal(status, item.status, section);
      const number = section.split('.').map(Number);
      const at = number.findIndex((part, i) => part !== before[i]);
      assert.ok(before.length === 0 || number[at] > (before[at] ?? 0), `${section} after ${before}`);
      before = number;
    }
    const privileged = page.locator('#items details', { hasText: items.get('5.5').title });
    await privileged.locator('summary').click();
    assert.match(await privileged.locator('li').innerText(), /^agent/);
    const findings = findingsOf(reports.bench);
    assert.ok(findings.every(({ references }) => references[0].standard === 'CIS Docker 1.6.0'));
    await shows(page, findings);
    await page.getByRole('combobox', { name: 'Check', exact: true }).selectOption('cis-docker-5.5');
    await shows(page, findings.filter(({ check }) => check === 'cis-docker-5.5'));
  }));

test('page: what was not looked at is said first', () =>
  look(reports.partial, async (page) => {
    await page.getByRole('link', { name: 'This report is partial: 1 thing could not be looked at' }).click();
    assert.deepEqual(await page.locator('#missing li').allTextContents(), reports.partial.json.missing);
    assert.equal(reports.partial.json.partial, true);
  }));

test('page: nothing found', () =>
  look(reports.clean, async (page) => {
    assert.equal(await page.locator('h1').textContent(), '1 resource passes');
    assert.equal(await page.locator('#findings, #filter, .tiles').count(), 0);
  }));

for (const viewport of [desktop, phone])
  test(`page: hostile texts are texts, ${viewport.width} px`, () =>
    look(
      reports.hostile,
      async (page) => {
        assert.match(await page.title(), /resources fail/);
        assert.equal(await page.locator('body img, body b[a], body script').count(), 1, 'its own script alone');
        assert.equal(await page.locator('style').count(), 1);
        const names = await page.locator('#namespace option').evaluateAll((all) => all.map((option) => option.value));
        for (const text of hostileTexts.filter((t) => !/[\0-\x1f\u202a-\u202e\u2066-\u2069]/.test(t) && t.length < 200))
          assert.ok(names.includes(text), text);
        // No character is left that is not seen, or turns what follows.
        assert.ok(!/[\0-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/.test(await page.content()));
        await page.getByRole('searchbox', { name: 'Search', exact: true }).fill('</script><script>');
        const found = await page.locator('.finding:visible').count();
        assert.ok(found > 0 && found < findingsOf(reports.hostile).length);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), viewport.width);
      },
      { viewport },
    ));

test('page: what a manifest smuggled in could neither run nor ask for anything', async () => {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(pathToFileURL(reports.team.file('html')).href);
    await page.evaluate((elsewhere) => {
      window.refused = new Set();
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => window.refused.add(effectiveDirective));
      const add = (tag, attributes) => document.body.append(Object.assign(document.createElement(tag), attributes));
      add('img', { src: `${elsewhere}/a.png` });
      add('script', { src: `${elsewhere}/a.js` });
      add('script', { textContent: 'document.title = "owned"' });
      add('style', { textContent: '* { display: none }' });
      add('iframe', { src: elsewhere });
      document.body.insertAdjacentHTML('beforeend', '<p style="color: red" onclick="document.title = \'owned\'">x</p>');
      document.body.lastChild.click();
      fetch(elsewhere).catch(() => {});
    }, `http://127.0.0.1:${server.address().port}`);
    await page.waitForFunction(() => window.refused.size === 7);
    assert.deepEqual(await page.evaluate(() => [...window.refused].sort()), [
      'connect-src',
      'frame-src',
      'img-src',
      'script-src-attr',
      'script-src-elem',
      'style-src-attr',
      'style-src-elem',
    ]);
    assert.deepEqual(asked, []);
    assert.match(await page.title(), /resources fail/);
  } finally {
    await context.close();
    server.close();
  }
});

test('page: 10,000 findings', () =>
  look(reports.many, async (page) => {
    const findings = findingsOf(reports.many);
    assert.ok(findings.length >= 10_000);
    await page.getByRole('searchbox', { name: 'Search', exact: true }).fill('worker-1234');
    await shows(page, findings.filter(({ resource }) => resource.name === 'worker-1234'));
    await page.getByRole('searchbox', { name: 'Search', exact: true }).fill('');
    await page.getByRole('combobox', { name: 'Namespace', exact: true }).selectOption('team-7');
    await shows(page, findings.filter(({ resource }) => resource.namespace === 'team-7'));
  }));

for (const [size, viewport] of Object.entries({ desktop, phone }))
  for (const colorScheme of ['light', 'dark'])
    test(`page: axe finds nothing, ${size}, ${colorScheme}`, async () => {
      for (const [name, report] of Object.entries({ team: reports.team, scan: reports.scan, bench: reports.bench, partial: reports.partial, accepted: reports.accepted, hostile: reports.hostile, clean: reports.clean }))
        await look(
          report,
          async (page) => {
            if (['team', 'scan', 'bench'].includes(name)) {
              const file = join(screenshots, name === 'team' ? `${size}-${colorScheme}.png` : `${name}-${size}-${colorScheme}.png`);
              await page.screenshot({ path: file });
              assert.ok(statSync(file).size > 10_000);
            }
            await page.locator('details').evaluateAll((all) => all.forEach((details) => (details.open = true)));
            await page.evaluate(axe);
            const { violations, passes } = await page.evaluate(() => axe.run({ resultTypes: ['violations'] }));
            assert.ok(passes.some(({ id }) => id === 'color-contrast'), 'it has looked');
            assert.deepEqual(violations.map(({ id, impact, nodes }) => [name, id, impact, nodes[0].html]), []);
            assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), viewport.width, `${name} is too wide`);
          },
          { viewport, colorScheme },
        );
    });

test('page: printed, it is all there and the filter is not', () =>
  look(reports.team, async (page) => {
    await page.getByRole('button', { name: 'Close all' }).click();
    await page.emulateMedia({ media: 'print' });
    assert.ok(await page.locator('#filter').isHidden());
    assert.ok(await page.locator('.finding dl').first().isVisible());
  }));
