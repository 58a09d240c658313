/** A body as text; the types of Node and of workerd do not agree on what a decoder of text takes. */
export function textReader(body: ReadableStream<Uint8Array>): ReadableStreamDefaultReader<string> {
  return body.pipeThrough<string>(new TextDecoderStream() as never).getReader()
}

/** Blocks of a stream of server-sent events as they come, each its fields by name; a comment has the name ''. */
export async function* streamBlocks(reader: ReadableStreamDefaultReader<string>) {
  for (let text = ''; ; ) {
    const end = text.indexOf('\n\n')
    if (end >= 0) {
      yield fieldsOf(text.slice(0, end))
      text = text.slice(end + 2)
      continue
    }
    const { value, done } = await reader.read()
    if (done) return
    text += value
  }
}

function fieldsOf(block: string): Readonly<Record<string, string>> {
  const fields = block.split('\n').map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 2)] as const
  })
  return Object.fromEntries(fields)
}
