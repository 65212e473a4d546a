/** How much there is in a story: of agents, of what happens, and of time. */
export interface Scale {
  readonly agents: { readonly min: number; readonly max: number };
  readonly steps: { readonly min: number; readonly max: number };
  readonly longestStepMs: number;
  /** How likely nothing happens before the first deploy is over: only then edits are updates of what serves. */
  readonly settles: number;
  /** How much worse the weather is than that of a large story. */
  readonly roughness: number;
  /** How many of the steps are edits of the manifests; the others are faults. */
  readonly edits: number;
  /** How likely an agent that is well keeps its manifest when all manifests become good. */
  readonly leavesAlone: number;
  /** What agents share is there only while one of them uses it: it is made and removed more often. */
  readonly sharedInUse: boolean;
}

/**
 * Most of what goes wrong at all goes wrong with one agent or two and within a few steps, and a small story costs a
 * quarter of a large one. What needs many agents needs the large ones.
 */
export const SCALES = {
  small: {
    agents: { min: 1, max: 2 },
    steps: { min: 1, max: 3 },
    longestStepMs: 20_000,
    settles: 0.6,
    roughness: 1.25,
    edits: 0.4,
    leavesAlone: 0.65,
    sharedInUse: true,
  },
  large: {
    agents: { min: 2, max: 5 },
    steps: { min: 2, max: 12 },
    longestStepMs: 40_000,
    settles: 0,
    roughness: 1,
    edits: 0.5,
    leavesAlone: 0,
    sharedInUse: false,
  },
} as const satisfies Readonly<Record<string, Scale>>;

export type ScaleName = keyof typeof SCALES;

const LARGE_ONE_IN = 20;

/** Of mixed stories every twentieth is large. */
export const scaleOf = (seed: number): ScaleName => (seed % LARGE_ONE_IN === 0 ? 'large' : 'small');
