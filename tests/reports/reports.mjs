// Reports to look at: the binary's own, of generated manifests.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeAccepted, writeHostile, writeMany, writeOld, writeTeam } from './manifests.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const screenshots = join(root, 'build/reports');
mkdirSync(screenshots, { recursive: true });

const work = mkdtempSync(join(tmpdir(), 'plimsoll-reports-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

const plimsoll = (folder, status, args) => {
  const done = spawnSync(process.env.PLIMSOLL_BIN, args, { cwd: folder, encoding: 'utf8' });
  assert.equal(done.status, status, `plimsoll ${args.join(' ')}: ${done.error ?? done.stderr}`);
};

const formats = ['json', 'sarif', 'junit', 'gitlab', 'html'];

// What `plimsoll check` says of a folder in every format; paths count from `folder`, as they do in a repository.
const check = (name, status, write, options = []) => {
  const folder = join(work, name);
  mkdirSync(folder, { recursive: true });
  write(folder);
  const files = Object.fromEntries(formats.map((format) => [format, join(work, `${name}.${format}`)]));
  const outputs = formats.flatMap((format) => ['-o', `${format}=${files[format]}`]);
  plimsoll(folder, status, ['check', '.', ...options, ...outputs]);
  return {
    folder,
    file: (format) => files[format],
    text: (format) => readFileSync(files[format], 'utf8'),
    json: JSON.parse(readFileSync(files.json, 'utf8')),
  };
};

export const reports = {
  team: check('team', 1, writeTeam),
  accepted: check(
    'accepted',
    1,
    (folder) => {
      writeOld(folder);
      plimsoll(folder, 0, ['check', '.', '--write-baseline', 'baseline.json', '-o', `text=${join(work, 'old.txt')}`]);
      writeAccepted(folder);
    },
    ['--baseline', 'baseline.json'],
  ),
  hostile: check('hostile', 2, writeHostile),
  many: check('many', 1, (folder) => writeMany(folder, 2000)),
  clean: check('clean', 0, (folder) => writeTeam(folder, ['payments/ledger.yaml'])),
};

export const findingsOf = ({ json }) =>
  json.resources.flatMap((resource) => resource.findings.map((finding) => ({ ...finding, resource })));

// What is found in a text that would be the file of that path.
export const findingsIn = (path, text) => {
  const folder = mkdtempSync(join(work, 'mended-'));
  writeFileSync(join(folder, basename(path)), text);
  const done = spawnSync(process.env.PLIMSOLL_BIN, ['check', basename(path), '-o', 'json'], { cwd: folder, encoding: 'utf8' });
  assert.ok(done.status < 2, done.stderr);
  return findingsOf({ json: JSON.parse(done.stdout) });
};
