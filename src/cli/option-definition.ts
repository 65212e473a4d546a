export interface OptionDefinition {
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  /** The file is a secret: a service gets it as the credential of this name. */
  readonly credential?: string;
  /** Values add up; in a variable of the environment they have colons between. */
  readonly repeatable?: true;
}
