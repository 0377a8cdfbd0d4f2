import manifest from '../package.json' with { type: 'json' }

/** Of Berth, as its package says. */
export const VERSION: string = manifest.version
