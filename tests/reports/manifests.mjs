// The manifests that the reports are made of.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

// Every severity, in several namespaces and kinds; one document passes, one is skipped.
const team = {
  'shop/web.yaml': `# The storefront.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
spec:
  replicas: 3
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      containers:
      - name: web
        image: registry.example/shop/web:1.8.2
        ports:
        - containerPort: 8080
          hostPort: 8080 # the old load balancer asks for it
        securityContext:
          allowPrivilegeEscalation: false
          capabilities: {drop: [ALL]}
      - name: metrics
        image: registry.example/shop/metrics:0.4.0
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
spec:
  ports: [{port: 80, targetPort: 8080}]
`,
  'shop/cart.yaml': `apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: cart
  namespace: shop
spec:
  serviceName: cart
  selector:
    matchLabels: {app: cart}
  template:
    metadata:
      labels: {app: cart}
    spec:
      securityContext:
        runAsNonRoot: false
        seccompProfile: {type: Unconfined}
      containers:
      - name: redis
        image: registry.example/redis:7.4
        securityContext: {privileged: true, capabilities: {drop: [ALL]}}
`,
  'platform/node-exporter.yaml': `apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-exporter
  namespace: monitoring
spec:
  selector:
    matchLabels: {app: node-exporter}
  template:
    metadata:
      labels: {app: node-exporter}
    spec:
      hostNetwork: true
      hostPID: true
      containers:
      - name: node-exporter
        image: registry.example/prometheus/node-exporter:v1.9.0
        args: ["--path.rootfs=/host"]
        volumeMounts:
        - {name: root, mountPath: /host, readOnly: true}
        securityContext:
          allowPrivilegeEscalation: false
          capabilities:
            drop: [ALL]
            add:
            - SYS_TIME
            - NET_ADMIN
      volumes:
      - name: root
        hostPath:
          path: /
`,
  'platform/backup.json': `${JSON.stringify(
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'backup', namespace: 'platform' },
      spec: {
        schedule: '0 3 * * *',
        jobTemplate: {
          spec: {
            template: {
              spec: {
                restartPolicy: 'Never',
                securityContext: { runAsNonRoot: true, runAsUser: 0, seccompProfile: { type: 'RuntimeDefault' } },
                containers: [
                  {
                    name: 'backup',
                    image: 'registry.example/backup:2',
                    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
                  },
                ],
              },
            },
          },
        },
      },
    },
    null,
    2,
  )}\n`,
  'payments/ledger.yaml': `apiVersion: v1
kind: Pod
metadata:
  name: ledger
  namespace: payments
spec:
  securityContext:
    runAsNonRoot: true
    seccompProfile: {type: RuntimeDefault}
  containers:
  - name: ledger
    image: registry.example/payments/ledger:5
    securityContext:
      allowPrivilegeEscalation: false
      capabilities:
        drop: [ALL]
`,
};

const write = (folder, files) => {
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
};

export const writeTeam = (folder, only = Object.keys(team)) =>
  write(folder, Object.fromEntries(only.map((name) => [name, team[name]])));

// What a comment accepts, and what a baseline does: a baseline of `writeOld`'s files.
export const writeAccepted = (folder) =>
  write(folder, {
    'cart.yaml': team['shop/cart.yaml'].replace('privileged: true, ', ''),
    'exporter.yaml': team['platform/node-exporter.yaml'].replace(
      '      hostPID: true\n',
      '      hostPID: true # plimsoll:ignore host-namespaces -- reads /proc of <every> process\n',
    ),
  });

export const writeOld = (folder) => write(folder, { 'cart.yaml': team['shop/cart.yaml'] });

// Nothing that a manifest says may become part of a report's own language. Each text is a name, a namespace, an image
// and a label; what YAML cannot hold bare is escaped in it.
export const hostileTexts = [
  '</script><script>document.title = "owned"</script>',
  '"><img src=x onerror="document.title = \'owned\'">',
  `'"\`&<>;--><!--]]>`,
  '</style><style>* { display: none }</style>',
  '\u202Egnp.exe\u202C and \u2066back\u2069',
  'קונטיינר حاوية 容器 🚢',
  '\u0007bell \u001b[31mred\u001b[0m \u0000nil',
  '::error file=x::%0A##[command]',
  '*',
  'a'.repeat(3000),
];

export const writeHostile = (folder) => {
  const documents = hostileTexts.map((text) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: text, namespace: text, labels: { text } },
      spec: {
        hostNetwork: true,
        securityContext: { sysctls: [{ name: text, value: text }] },
        containers: [{ name: text, image: text, securityContext: { privileged: true, procMount: text } }],
        volumes: [{ name: text, hostPath: { path: text } }],
      },
    }),
  );
  write(folder, {
    [`it's <b> & "it" %20 \u202Etxt.yaml`]: `${documents.join('\n---\n')}\n`,
    'broken <!--<b>.yaml': 'kind: [Pod\n</script>: <b>"\n',
  });
};

// `count` pods with six findings each.
export const writeMany = (folder, count) => {
  const pods = Array.from({ length: count }, (_, i) => `apiVersion: v1
kind: Pod
metadata: {name: worker-${i}, namespace: team-${i % 50}}
spec:
  hostIPC: true
  containers:
  - {name: app, image: registry.example/worker:${i}}
`);
  write(folder, { 'many.yaml': pods.join('---\n') });
};
