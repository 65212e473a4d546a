import type { ContainerTemplate } from '../../src/state/template.ts';
import type { Program } from '../fakes/fake-podman.ts';

interface TestProgram {
  /** What the real one runs. */
  readonly template: Pick<ContainerTemplate, 'command' | 'args'>;
  /** What the fake is told that it does. */
  readonly fake: Program;
}

const shell = (script: string): TestProgram['template'] => ({ command: ['/bin/sh', '-c'], args: [script] });

/** Said by what hears its stop signal from now on. */
export const READY = 'ready';

const exec: Program['exec'] = (command) =>
  command[0] === '/bin/sh' ? { exitCode: 4, output: 'out\nerr\n' } : { exitCode: 127, output: 'not found' };

export const PROGRAMS = {
  server: {
    template: shell(`trap 'exit 0' TERM; echo ${READY}; sleep 1000 & wait`),
    fake: { exec, output: [{ stream: 'stdout', text: READY }] },
  },
  stubborn: { template: shell("trap '' TERM; while :; do sleep 0.1; done"), fake: { ignoresTerm: true } },
  crasher: { template: shell('exit 3'), fake: { exitAfterMs: 0, exitCode: 3 } },
  talker: {
    template: shell("trap 'exit 0' TERM; echo one; echo two >&2; echo three; sleep 1000 & wait"),
    fake: {
      output: [
        { stream: 'stdout', text: 'one' },
        { stream: 'stderr', text: 'two' },
        { stream: 'stdout', text: 'three' },
      ],
    },
  },
  nonsense: { template: { command: ['/no/such/program'] }, fake: { cannotRun: 'exec: "/no/such/program"' } },
} as const satisfies Record<string, TestProgram>;

export type ProgramName = keyof typeof PROGRAMS;

export const programOf = (template: ContainerTemplate): Program =>
  PROGRAMS[template.env['PROGRAM'] as ProgramName]?.fake ?? {};
