/** What was asked was refused or did not work; the sentence is for the operator, who sees nothing else. */
export class Failure extends Error {
  override readonly name = 'Failure'
}

/** The plugin said no; the code is the API's. */
export class Refused extends Failure {
  readonly code: string | undefined

  constructor(code: string | undefined, message: string) {
    super(message)
    this.code = code
  }
}

/** Nothing is at the path where a plugin would answer. */
export class NobodyThere extends Failure {}

/** The command makes no sense as it was typed. */
export class WrongUsage extends Error {
  override readonly name = 'WrongUsage'
}
