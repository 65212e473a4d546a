/**
 * The helper that runs inside a network namespace: it connects to a container and hands the connection on through a
 * unix socket, which is reachable across network namespaces by its path. Text and not a module, because the command
 * line is bundled into one file and the helper must load nothing but `node:net`.
 *
 * stdin: `ID PORT HOST` connects, `ID` drops it. stdout: `ID ok` when DIR/ID can be connected to, once;
 * `ID CODE` when the connection failed, `ID !CODE` when the helper itself did. It ends with its stdin.
 */
export const FORWARDER_PROGRAM = `'use strict';
const net = require('node:net');
const dir = process.argv[1];
const items = new Map();
const say = (text) => process.stdout.write(text + '\\n');
process.on('SIGINT', () => {});
let rest = '';
process.stdin.setEncoding('utf8').on('end', () => process.exit()).on('data', (chunk) => {
  const lines = (rest + chunk).split('\\n');
  rest = lines.pop();
  for (const line of lines) {
    const [id, port, host] = line.split(' ');
    if (host === undefined) drop(id);
    else dial(id, Number(port), host);
  }
});
function drop(id) {
  const item = items.get(id);
  if (item === undefined) return;
  items.delete(id);
  item.far.destroy();
  if (item.server) item.server.close();
  if (item.near) item.near.destroy();
}
function dial(id, port, host) {
  const far = net.connect({ port, host, allowHalfOpen: true });
  const item = { far };
  items.set(id, item);
  far.on('error', (error) => {
    if (!item.server) say(id + ' ' + (error.code || 'ECONNRESET'));
    drop(id);
  });
  far.once('connect', () => listen(id, item));
}
function listen(id, item) {
  item.server = net.createServer({ allowHalfOpen: true }, (near) => {
    item.server.close();
    item.near = near;
    near.on('error', () => drop(id)).on('close', () => drop(id));
    near.pipe(item.far).pipe(near);
  });
  item.server.on('error', (error) => { say(id + ' !' + error.code); drop(id); });
  item.server.listen(dir + '/' + id, () => say(id + ' ok'));
}
`;
