import { join } from 'node:path';
import type { PortCaller } from '../fakes/ports.ts';
import { REPOSITORY } from './site.ts';

const PORT = 8080;
const CALL_EVERY_MS = 20;

/**
 * Answers every request with `REVISION uptime`. MODE is what becomes of it: `good`, `crash` (ends as it begins), `unready`
 * (serves, but its probe fails), `sick` (its probe fails from SICK_AFTER seconds on, while it goes on serving), `once` (a
 * second start of the revision ends as it begins), `slow` (does not listen for its first four seconds).
 */
const SERVES = `
import http.server, os, signal, sys, threading, time
mode, began = os.environ["MODE"], time.monotonic()
if mode == "crash":
    sys.exit(3)
if mode == "once":
    try:
        os.close(os.open("/data/" + os.environ["REVISION"] + "-" + os.uname().nodename, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        sys.exit(3)
if mode == "slow":
    time.sleep(4)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        uptime = time.monotonic() - began
        fails = mode == "unready" or (mode == "sick" and uptime > float(os.environ["SICK_AFTER"]))
        body = f"{os.environ['REVISION']} {uptime:.2f}".encode()
        self.send_response(503 if fails and self.path == "/healthz" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
server = Server(("0.0.0.0", ${PORT}), Answer)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
`;

/** Asks the agent `web` by its name; one line of counts for each 0.2 s. */
const CALLS = `
import http.client, json, signal, sys, threading, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
tally = {"failures": [], "answers": 0, "firstUptimeS": {}}
lock = threading.Lock()
def ask():
    try:
        connection = http.client.HTTPConnection("web", ${PORT}, timeout=3)
        connection.request("GET", "/")
        revision, uptime = connection.getresponse().read().decode().split()
        connection.close()
        with lock:
            tally["answers"] += 1
            tally["firstUptimeS"].setdefault(revision, float(uptime))
    except Exception as error:
        with lock:
            tally["failures"].append(repr(error))
said = 0
while True:
    threading.Thread(target=ask, daemon=True).start()
    time.sleep(${CALL_EVERY_MS / 1_000})
    if time.monotonic() - said > 0.2:
        said = time.monotonic()
        with lock:
            print(json.dumps(tally), flush=True)
`;

/** What a caller counts. */
export interface Tally {
  readonly failures: readonly string[];
  readonly answers: number;
  /** How long each revision had run when it first answered: one that is asked too early has not proved itself. */
  readonly firstUptimeS: Readonly<Record<string, number>>;
}

export interface WebAgent {
  readonly namespace: string;
  readonly hostPort: number;
  readonly revision: string;
  readonly mode: 'good' | 'crash' | 'unready' | 'sick' | 'once' | 'slow';
  readonly strategy: 'Recreate' | 'BlueGreen' | 'Canary';
  readonly replicas: number;
  /** 2 by default. */
  readonly soakSeconds?: number;
  readonly monitorSeconds: number;
  /** Canary alone: a person says whether the others follow. */
  readonly isApproved?: boolean;
}

export const MIN_HEALTHY_SECONDS = 2;

export const webText = (web: WebAgent): string => `
apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: web, namespace: ${web.namespace}}
spec:
  image: localhost/ai-system/base:1
  command: [/usr/bin/python3, -c]
  args:
    - |
${indented(SERVES)}
  env: [{name: REVISION, value: "${web.revision}"}, {name: MODE, value: "${web.mode}"}, {name: SICK_AFTER, value: "8"}]
  replicas: ${web.replicas}
${web.mode === 'once' ? ONCE : ''}  ports: [{name: http, containerPort: ${PORT}, hostPort: ${web.hostPort}}]
  terminationGracePeriodSeconds: 3
  readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, failureThreshold: 2}
  rollout:
    strategy: ${web.strategy}
    minHealthySeconds: ${web.soakSeconds ?? MIN_HEALTHY_SECONDS}
    monitorSeconds: ${web.monitorSeconds}
    healthyDeadlineSeconds: ${10 + (web.soakSeconds ?? 0)}
    drainSeconds: 1
${web.isApproved ? '    canary: {replicas: 1, promotion: Manual}\n' : ''}`;

/** Where it leaves a mark that it was started. */
const ONCE = `  volumes: [{name: data, volume: {claimName: data}}]
  volumeMounts: [{name: data, mountPath: /data}]
`;

export const volumeText = (namespace: string): string => `
apiVersion: rookery.dev/v1alpha1
kind: Volume
metadata: {name: data, namespace: ${namespace}}
spec: {retention: Delete}
`;

export const callerText = (namespace: string): string => `
apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: caller, namespace: ${namespace}}
spec:
  image: localhost/ai-system/base:1
  command: [/usr/bin/python3, -c]
  args:
    - |
${indented(CALLS)}
  terminationGracePeriodSeconds: 1
  dependsOn: [{name: web}]
  rollout: {minHealthySeconds: 0, healthyDeadlineSeconds: 20, monitorSeconds: 1}
`;

export const baseImageText = (namespace: string): string => `
apiVersion: rookery.dev/v1alpha1
kind: Image
metadata: {name: base, namespace: ${namespace}}
spec:
  tag: localhost/ai-system/base:1
  rootfs: {tar: ${join(REPOSITORY, 'images/base/rootfs.tar')}}
`;

const indented = (text: string): string => text.trim().replace(/^(?=.)/gm, '      ');

/** As the caller inside counts, of somebody outside. */
export function tallyOf({ answers, failures }: PortCaller): Tally {
  const firstUptimeS: Record<string, number> = {};
  const answered = answers.filter((answer) => answer !== undefined);
  for (const answer of answered) {
    const [revision = '', uptime] = answer.split(' ');
    firstUptimeS[revision] ??= Number(uptime);
  }
  return { failures: [...failures], answers: answered.length, firstUptimeS };
}
