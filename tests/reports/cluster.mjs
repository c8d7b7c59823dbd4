// A cluster as its API server tells of it: namespaces that templates bind, and workloads of which some stray.
const good = {
  runAsNonRoot: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

const container = (name, context) => ({ name, image: `registry.example/${name}:1`, securityContext: context });

// What is wrong with the workload of that number; the further back, the more of them are wrong.
const contextOf = (number, age) => {
  const context = { ...good };
  if (number % 2 === 0) delete context.seccompProfile;
  if (number % 3 === 0) delete context.runAsNonRoot;
  if (number % 5 < 1 + age) context.privileged = true;
  if (number % 5 < 1 + age) delete context.allowPrivilegeEscalation;
  return context;
};

const list = (kind, items) => ({ apiVersion: 'v1', kind, metadata: { resourceVersion: '1' }, items });

export const namespaces = { shop: 'restricted', payments: 'restricted', platform: 'baseline', sandbox: undefined };

// The answers, by path. `age`: 0 is today.
export const cluster = (age = 0) => {
  const deployments = [], replicaSets = [], pods = [];
  let number = 0;
  for (const namespace of Object.keys(namespaces))
    for (const part of ['web', 'cart', 'stock', 'mail', '<b>search</b>']) {
      ++number;
      const name = part.startsWith('<') ? 'search' : part;
      const spec = { containers: [container(name, contextOf(number, age))], hostNetwork: namespace === 'platform' && name === 'mail' };
      const template = { metadata: { labels: { app: name } }, spec };
      const meta = (uid, more = {}) => ({ namespace, uid: `${number}-${uid}`, ...more });
      deployments.push({ metadata: meta('d', { name }), spec: { replicas: 2, template } });
      const owned = (kind, of, uid) => [{ apiVersion: 'apps/v1', kind, name: of, uid: `${number}-${uid}`, controller: true }];
      replicaSets.push({ metadata: meta('r', { name: `${name}-5d4f`, ownerReferences: owned('Deployment', name, 'd') }), spec: { replicas: 2, template } });
      for (const end of ['a', 'b'])
        pods.push({
          metadata: meta(`p${end}`, { name: `${name}-5d4f-${end}`, ownerReferences: owned('ReplicaSet', `${name}-5d4f`, 'r') }),
          spec,
          status: { phase: 'Running' },
        });
    }
  return {
    '/api/v1/namespaces': list(
      'NamespaceList',
      Object.entries(namespaces).map(([name, template]) => ({
        metadata: { name, uid: name, labels: template ? { 'plimsoll.dev/enforce': template } : {} },
      })),
    ),
    '/api/v1/pods': list('PodList', pods),
    '/apis/apps/v1/deployments': list('DeploymentList', deployments),
    '/apis/apps/v1/replicasets': list('ReplicaSetList', replicaSets),
    '/apis/apps/v1/statefulsets': list('StatefulSetList', []),
    '/apis/apps/v1/daemonsets': list('DaemonSetList', []),
    '/apis/batch/v1/cronjobs': list('CronJobList', []),
    '/apis/batch/v1/jobs': list('JobList', []),
    '/api/v1/replicationcontrollers': list('ReplicationControllerList', []),
    '/apis': { apiVersion: 'apidiscovery.k8s.io/v2', kind: 'APIGroupDiscoveryList', metadata: {}, items: [] },
  };
};
