import manifest from '../../package.json' with { type: 'json' };

/** Of this controller and its command line, which are one package. */
export const VERSION: string = manifest.version;
