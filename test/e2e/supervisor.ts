import type { Controller, Site } from './site.ts';

/** Starts the controller again whenever it ends, as its unit would. */
export interface Supervisor {
  /** In the middle of whatever it does; nothing when it has just ended and the next one is not there yet. */
  kill(): void;
  /** How often it was started. */
  lives(): number;
  lastWords(): string;
  stop(): Promise<void>;
}

const LAST_WORDS = 6_000;

export function supervise(site: Site, ...args: readonly string[]): Supervisor {
  let said = '';
  let lives = 0;
  let isOver = false;
  let current: Controller;
  const live = (): Controller => {
    lives += 1;
    const controller = site.start(...args);
    void controller.ended.then(() => {
      said = `${said}${controller.output()}--- ended\n`.slice(-LAST_WORDS);
      if (!isOver) current = live();
    });
    return controller;
  };
  current = live();
  return {
    kill: () => void current.end('SIGKILL'),
    lives: () => lives,
    lastWords: () => `${said}${current.output()}`.slice(-LAST_WORDS),
    stop: async () => {
      isOver = true;
      await current.end('SIGTERM');
    },
  };
}
