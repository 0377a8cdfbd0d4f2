import * as v from '@badrap/valita'

/*
 * What the plugin and its hand say to each other: a job in a line, an answer in a line, in turns.
 */

/** What it says first. */
export const STARTED = 'started'

const names = v.array(v.string())
const number = v.number().optional()
/** The id that the file system must have; absent: any. */
const expected = v.string().optional()

const job = v.union(
  v.object({ do: v.literal('check'), expected }),
  v.object({ do: v.literal('init'), id: v.string() }),
  v.object({
    do: v.literal('make'),
    expected,
    place: names,
    uid: number,
    gid: number,
    mode: number,
  }),
  v.object({ do: v.literal('bind'), expected, place: names, at: v.string() }),
  v.object({ do: v.literal('move'), expected, from: names, to: names }),
  v.object({ do: v.literal('folders'), expected, place: names }),
  v.object({ do: v.literal('destroy'), expected, place: names, withinMs: v.number() }),
)
const world = v.object({ root: v.string(), mount: v.string(), types: names })
const answer = v.union(
  v.object({ ok: v.literal(true), value: v.unknown().optional() }),
  v.object({
    ok: v.literal(false),
    /** Of a refusal; absent: something broke. */
    code: v
      .union(v.literal('cluster-away'), v.literal('not-mounted'), v.literal('volume-exists'))
      .optional(),
    message: v.string(),
  }),
)

export type Job = v.Infer<typeof job>
export type Answer = v.Infer<typeof answer>

export const readJob = (line: string): Job => job.parse(JSON.parse(line))
export const readWorld = (text: string): v.Infer<typeof world> => world.parse(JSON.parse(text))
export const readAnswer = (line: string): Answer => answer.parse(JSON.parse(line))
