// The provider's own client. Its address and its key come from the environment, as in any program that uses it.
import OpenAI, { toFile } from 'openai';

const client = new OpenAI({ maxRetries: 0 });
const messages = [{ role: 'user', content: 'Hello' }];

const chat = await client.chat.completions.create({ model: 'gpt-4o-mini', messages });
console.log('chat:', chat.choices[0].message.content);

let streamed = '';
for await (const chunk of await client.chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true })) {
  streamed += chunk.choices[0].delta.content ?? '';
}
console.log('stream:', streamed);

const response = await client.responses.create({ model: 'gpt-4o-mini', input: 'Hello' });
console.log('responses:', response.output_text);

let responded = '';
for await (const event of await client.responses.create({ model: 'gpt-4o-mini', input: 'Hello', stream: true })) {
  responded += event.type === 'response.output_text.delta' ? event.delta : '';
}
console.log('responses stream:', responded);

const embedding = await client.embeddings.create({ model: 'text-embedding-3-small', input: 'Hello' });
console.log('embedding:', embedding.data[0].embedding.length);

const models = [];
for await (const model of client.models.list()) {
  models.push(model.id);
}
console.log('models:', models.includes('gpt-4o-mini'));

const file = await toFile(new Uint8Array(1000), 'words.wav');
const transcription = await client.audio.transcriptions.create({ model: 'whisper-1', file });
console.log('transcription:', transcription.text);

try {
  await client.chat.completions.create({ model: 'a-model-of-tomorrow', messages });
} catch (error) {
  console.log('refused:', error.status, error.code);
}
