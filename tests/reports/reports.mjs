// Reports to look at: the binary's own, of generated manifests, a cluster and a Docker host.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cluster, namespaces } from './cluster.mjs';
import { engine } from './engine.mjs';
import { refusal, served } from './served.mjs';
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
  return report(name, folder, status, ['check', '.', ...options]);
};

const report = (name, folder, status, args) => {
  const files = Object.fromEntries(formats.map((format) => [format, join(work, `${name}.${format}`)]));
  const outputs = formats.flatMap((format) => ['-o', `${format}=${files[format]}`]);
  plimsoll(folder, status, [...args, ...outputs]);
  return {
    folder,
    file: (format) => files[format],
    text: (format) => readFileSync(files[format], 'utf8'),
    json: JSON.parse(readFileSync(files.json, 'utf8')),
  };
};

// What `plimsoll scan` says of the cluster as it was: 0 is now. A report says when it was made, which tests cannot wait for.
const scan = async (name, age, status, options = [], change = (routes) => routes) => {
  const { address, close } = await served(change(cluster(age)), { host: '127.0.0.1', port: 0 });
  const kubeconfig = join(work, `${name}.kubeconfig`);
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'a', cluster: { server: `http://127.0.0.1:${address.port}` } }],
      users: [{ name: 'a', user: {} }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      'current-context': 'a',
    }),
  );
  try {
    return report(name, work, status, ['scan', '--kubeconfig', kubeconfig, ...options]);
  } finally {
    await close();
  }
};

const earlier = [];
for (const age of [3, 2, 1]) {
  const { text } = await scan(`scan-${age}`, age, 1);
  const file = join(work, `earlier-${age}.json`);
  const old = JSON.parse(text('json'));
  writeFileSync(file, JSON.stringify({ ...old, time: `2026-0${6 - age}-01T08:00:00Z` }));
  earlier.push('--trend', file);
}

// Neither all of them nor those of a namespace.
const forbidden = (resource) =>
  Object.fromEntries(
    ['', ...Object.keys(namespaces).map((name) => `namespaces/${name}/`)].map((place) => [
      `/apis/batch/v1/${place}${resource}`,
      refusal(403, 'Forbidden'),
    ]),
  );

// What `plimsoll bench` says of a host that has hardly a file.
const bench = async (name, status) => {
  const host = join(work, 'host');
  mkdirSync(join(host, 'etc'), { recursive: true });
  mkdirSync(join(host, 'proc/1'), { recursive: true });
  writeFileSync(join(host, 'etc/group'), 'docker:x:999:ann\n');
  writeFileSync(join(host, 'proc/1/mountinfo'), '1 0 8:1 / / rw\n');
  const socket = join(work, 'docker.sock');
  const { close } = await served(engine(), socket);
  try {
    return report(name, work, status, ['bench', '--docker', `unix://${socket}`, '--host-root', host]);
  } finally {
    await close();
  }
};

export const reports = {
  bench: await bench('bench', 1),
  scan: await scan('scan', 0, 1, earlier),
  partial: await scan('partial', 0, 2, [], (routes) => ({ ...routes, ...forbidden('jobs') })),
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
