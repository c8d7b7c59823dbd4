// A Docker engine as it tells of itself: containers of which some are run carelessly.
const context = {
  web: { ReadonlyRootfs: true, SecurityOpt: ['no-new-privileges'], Memory: 1 << 28, NanoCpus: 1e9, PidsLimit: 100 },
  db: { Memory: 1 << 28, CapAdd: ['SYS_ADMIN'] },
  agent: { Privileged: true, PidMode: 'host', Binds: ['/var/run/docker.sock:/var/run/docker.sock'] },
  '<i>proxy</i>': { NetworkMode: 'host' },
};

const inspected = (name, index) => ({
  Id: `${index}`.repeat(64),
  Name: `/${name}`,
  State: { Status: 'running', Running: true },
  Config: { Image: 'app:1', User: index % 2 === 0 ? '1000' : '0:0' },
  HostConfig: { NetworkMode: 'default', RestartPolicy: { Name: 'no' }, ...context[name] },
  Mounts: (context[name].Binds ?? []).map((bind) => {
    const [Source, Destination] = bind.split(':');
    return { Type: 'bind', Source, Destination, RW: true, Propagation: 'rprivate' };
  }),
  NetworkSettings: { Ports: name === 'web' ? { '8080/tcp': [{ HostIp: '0.0.0.0', HostPort: '80' }] } : {} },
});

const names = Object.keys(context);
export const containers = names.map((name, index) => inspected(name, index + 1));

// The answers, by path.
export const engine = () => ({
  '/_ping': {},
  '/info': { Name: 'host-1', SecurityOptions: ['name=seccomp,profile=builtin'], Swarm: { LocalNodeState: 'inactive' } },
  '/version': { Version: '26.1' },
  '/networks': [],
  '/images/json': [{ Id: 'sha256:i', RepoTags: ['app:1'] }],
  '/images/sha256:i/json': { Config: {} },
  '/images/sha256:i/history': [],
  '/containers/json': containers.map(({ Id, Name }) => ({ Id, Names: [Name], ImageID: 'sha256:i' })),
  ...Object.fromEntries(
    containers.flatMap((one) => [
      [`/containers/${one.Id}/json`, one],
      [`/containers/${one.Id}/top`, { Titles: ['PID', 'CMD'], Processes: [['1', 'app']] }],
    ]),
  ),
});
