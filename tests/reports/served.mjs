// Answers requests from a table, in a thread of its own: who asks is waited for by the main thread.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

export const refusal = (code, reason) => ({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message: `it is ${reason}`, code });

if (!isMainThread) {
  const { routes, listen } = workerData;
  const server = createServer((request, response) => {
    const answer = routes[request.url.split('?')[0]] ?? refusal(404, 'NotFound');
    response.writeHead(answer.kind === 'Status' ? answer.code : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });
  server.listen(listen, () => parentPort.postMessage(server.address()));
}

// `routes`: what each path is answered with. `listen`: as of net.Server. Gives the address, and how to end it.
export const served = async (routes, listen) => {
  const worker = new Worker(new URL(import.meta.url), { workerData: { routes, listen } });
  const [address] = await once(worker, 'message');
  worker.unref();
  return { address, close: () => worker.terminate() };
};
