/** What was asked was refused or did not work; the sentence is for the operator, who sees nothing else. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

/** The command makes no sense as it was typed. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage'
}
