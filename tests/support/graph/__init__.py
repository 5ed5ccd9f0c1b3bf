"""A fake of the Graph, the provider's API of official numbers: strict, and able to fail.

It shares no code with the product: what it noted is evidence.

In a process of its own, which tests hold as `process.GraphProcess.started(folder)`:

    python -m tests.support.graph [--notes FILE] [--port PORT]

prints its address, and serves until its standard input ends. In this process:
`async with server.serving() as graph`, the same verbs being methods and fields of `graph`.

It begins with one business account, one number, and one template of each shape; their ids and
secrets are the constants of `world`, and `GraphProcess.device()` is a device's `config` for them.
It answers `/{version}/…` as the Graph does, and refuses what the Graph would refuse: bad shapes,
unknown tokens, versions, templates and files, more than 80 messages a second, more than one in
6 s to one user after a burst of 45. `/files/…` are the links of its media.

POST /control/…, JSON bodies; 400 with `problem` where they cannot be understood:

  faults      {rules: [{fault, on?, to?, number?, template?, times?, regained_after?}], seed?,
              chances?: {fault: chance}}; replaces what was told before; `faults.Fault` lists them
  manner      how webhooks come: the fields of `courier.Manner`; replaces what was told before
  businesses  the fields of `world.Business` to make or change one (default: the first), so a new
              `token` makes the old one invalid, and `callback_url` (verified first unless
              `verify` is false) is where its webhooks go
  numbers     the fields of `world.Number`: `mps` null, `pairs` false lift its limits, `windows`
              true enforces the 24 hours
  templates   the fields of `world.Template` by name and language; `tell` and `reason` send the
              webhook of its status
  inbound     a user writes: {from, number?, type?, text?, content?, reply_to?, id?,
              file?: {base64, mime, filename?}}; answers {id}
  changes     {business_id, changes: [{field, value}]}: webhooks of any kind, as they are

GET /control/posts[?after=N]: every POST of a message so far, as `notes.Post`, also those that were
refused (`details` says what was wrong with the request). GET /control/state: `waiting` updates,
`calls` by route, number of `posts` and `files`, `deliveries` of webhooks.
"""
