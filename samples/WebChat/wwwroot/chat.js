// The page of WebChat: asks for the models, streams answers, and shows what the broker says when it refuses.

const $ = id => document.getElementById(id);
const turns = [];
let running = null;

// --- What the user sees ---

const portalStates = { budget: 'Raise the budget in your portal', paused: 'Resume it in your portal' };

function show(problem) {
  const { state, message, portalUrl } = problem;
  if (state === 'connect') {
    document.body.dataset.state = 'connect';
    return;
  }
  $('notice-text').textContent = message;
  $('notice-connect').hidden = state !== 'revoked';
  $('notice-link').hidden = !portalUrl;
  if (portalUrl) {
    $('notice-link').href = portalUrl;
    $('notice-link').textContent = portalStates[state] ?? 'Open your portal';
  }
  $('notice').dataset.state = state;
  $('notice').hidden = false;
}

function clearNotice() {
  $('notice').hidden = true;
  delete $('notice').dataset.state;
}

function addTurn(fromUser, text) {
  $('hint').hidden = true;
  const turn = document.createElement('p');
  const who = document.createElement('span');
  const said = document.createElement('span');
  turn.className = fromUser ? 'turn mine' : 'turn';
  who.className = 'visually-hidden';
  who.textContent = fromUser ? 'You: ' : 'Answer: ';
  said.textContent = text;
  turn.append(who, said);
  $('turns').append(turn);
  turn.scrollIntoView({ block: 'end' });
  return { turn, said };
}

function setRunning(controller) {
  running = controller;
  $('send').disabled = !!controller;
  $('stop').hidden = !controller;
}

// --- Talking to the app ---

async function loadModels() {
  const unreachable = { problem: { state: 'error', message: 'WebChat could not be reached. Reload the page.' } };
  const answer = await fetch('/api/models').then(response => response.json()).catch(() => unreachable);
  if (answer.problem) {
    const first = document.body.dataset.state === 'loading';
    if (first) document.body.dataset.state = answer.problem.state === 'revoked' ? 'connect' : 'ready';
    show(answer.problem);
    return;
  }
  const chosen = $('model').value;
  $('model').replaceChildren(...answer.map(id => new Option(id, id, false, id === chosen)));
  document.body.dataset.state = 'ready';
}

async function* serverEvents(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let buffer = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += decoder.decode(value, { stream: true });
    for (let end; (end = buffer.indexOf('\n\n')) >= 0; buffer = buffer.slice(end + 2)) {
      const event = { type: 'message', data: '' };
      for (const line of buffer.slice(0, end).split('\n')) {
        if (line.startsWith('event: ')) event.type = line.slice(7);
        if (line.startsWith('data: ')) event.data += line.slice(6);
      }
      yield { type: event.type, data: JSON.parse(event.data) };
    }
  }
}

async function ask(text) {
  clearNotice();
  if (!$('model').value) await loadModels();
  if (!$('model').value) {
    $('prompt').value = text;
    return;
  }
  const question = addTurn(true, text);
  const answer = addTurn(false, '');
  answer.turn.setAttribute('aria-busy', 'true');
  turns.push({ fromUser: true, text });
  const outcome = await stream(part => {
    answer.said.textContent += part;
    $('conversation').scrollTop = $('conversation').scrollHeight;
  });
  answer.turn.removeAttribute('aria-busy');

  if (answer.said.textContent) {
    turns.push({ fromUser: false, text: answer.said.textContent });
  } else {
    // Nothing was answered: give the question back, so that it can be sent again.
    turns.pop();
    question.turn.remove();
    answer.turn.remove();
    $('prompt').value ||= text;
  }
  if (outcome) show(outcome);
  if (outcome?.state === 'interrupted') await loadModels(); // says why, where the user has ended or paused it
  $('prompt').focus();
}

// Gives null when the answer is complete or the user stopped it, else what went wrong.
async function stream(onText) {
  const controller = new AbortController();
  let outcome = { state: 'interrupted', message: 'The answer was cut short.' };
  setRunning(controller);
  try {
    const response = await fetch('/api/chat', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ model: $('model').value, turns }),
      signal: controller.signal,
    });
    for await (const event of serverEvents(response)) {
      if (event.type === 'text') onText(event.data.text);
      if (event.type === 'done') outcome = null;
      if (event.type === 'problem') outcome = event.data;
    }
  } catch {
    if (controller.signal.aborted) outcome = null;
  } finally {
    setRunning(null);
  }
  return outcome;
}

// --- The form ---

$('ask').addEventListener('submit', event => {
  event.preventDefault();
  const text = $('prompt').value.trim();
  if (!text || running) return;
  $('prompt').value = '';
  ask(text);
});

$('prompt').addEventListener('keydown', event => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $('ask').requestSubmit();
  }
});

$('stop').addEventListener('click', () => running?.abort());

// --- Start ---

const failed = new URLSearchParams(location.search).get('tokenbroker_error');
if (failed) history.replaceState(null, '', location.pathname);

await loadModels();

if (failed) {
  const messages = {
    access_denied: 'You did not allow access. Connect again if you change your mind.',
    revocation_failed: 'Disconnected here, but the broker could not be told. End the access in your portal as well.',
    broker_unavailable: 'The broker cannot be reached just now. Try again in a moment.',
  };
  show({ state: 'error', message: messages[failed] ?? 'Connecting did not work. Try again.' });
}
