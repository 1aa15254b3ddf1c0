/** What goes to the child: one request each, answered in the order they came. */
export interface Call<Request> {
  readonly id: number;
  readonly request: Request;
}

/** What comes back: every call gets exactly one of these, or the end of the process. */
export type Reply<Answer> =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly error: { readonly name: string; readonly message: string } };
