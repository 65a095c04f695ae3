// Live sound: one note at a time, plucked, held, let go; a store of the notes that have come; and
// how long they took.

const CUT_SECONDS = 0.006; // in which a new note ends the old one
const SEAM_SECONDS = 0.02; // in which a note goes over into more of itself
const RELEASE_EVERY = 0.004; // seconds between two values of a release
const KEPT_SECONDS = 500; // of sound

// What sounds: one note at a time. A note is made of layers, each a longer or newer version of it;
// all go through `damp`, which the release turns down, and `gate`, which the next note shuts.
class Strings {
  constructor() {
    this.context = null; // made by the first key: browsers allow sound only after a gesture
    this.note = null; // {pitch, origin, layers, damp, gate, released}
  }

  async open(rate) {
    if (!this.context) {
      try {
        this.context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
      } catch {
        this.context = new AudioContext({ latencyHint: "interactive" });
      }
      this.out = this.context.createGain();
      this.analyser = this.context.createAnalyser(); // lets a test measure what is really played
      this.analyser.fftSize = 2048;
      this.out.connect(this.analyser).connect(this.context.destination);
    }
    if (this.context.state !== "running") await this.context.resume();
  }

  // Context time of the next sample that can still be scheduled, a little ahead of now.
  #soon() {
    const { currentTime, sampleRate } = this.context;
    return Math.ceil((currentTime + START_SECONDS) * sampleRate) / sampleRate;
  }

  // Plucks: the old note ends where the new one begins. Gives back how soon that is, in ms.
  pluck(pitch, sound) {
    const when = this.#soon();
    const [damp, gate] = [this.context.createGain(), this.context.createGain()];
    damp.connect(gate).connect(this.out);
    this.#shut(when);
    this.note = { pitch, origin: when, layers: [], damp, gate, released: false };
    this.#lay(sound, when, 0.001);
    return 1000 * (when - this.context.currentTime);
  }

  // The note that sounds goes on as another version of itself, from where it is; also when what
  // was there of it has ended before.
  goOn(sound) {
    const when = this.#soon();
    if (when - this.note.origin >= sound.samples.length / sound.rate) return;
    for (const { source, fade } of this.note.layers.slice(-1)) {
      fade.gain.setValueAtTime(1, when);
      fade.gain.linearRampToValueAtTime(0, when + SEAM_SECONDS);
      source.stop(when + SEAM_SECONDS);
    }
    this.#lay(sound, when, SEAM_SECONDS);
  }

  // The finger lets go: the note dies as the guitar damps it.
  damp(releaseDb) {
    const { note } = this;
    if (!note || note.released) return;
    note.released = true;
    const when = this.#soon();
    const curve = Float32Array.from([0, ...releaseDb, -120], (db) => 10 ** (db / 20));
    const seconds = (curve.length - 1) * RELEASE_EVERY;
    note.damp.gain.setValueCurveAtTime(curve, when, seconds);
    for (const { source } of note.layers) source.stop(when + seconds);
    this.#clear(note);
  }

  get age() {
    return this.note && this.context ? this.context.currentTime - this.note.origin : 0;
  }

  close() {
    this.context?.close();
    this.context = this.note = null;
  }

  #lay(sound, when, seconds) {
    const { samples, rate } = sound;
    const buffer = this.context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const [source, fade] = [this.context.createBufferSource(), this.context.createGain()];
    source.buffer = buffer;
    fade.gain.value = 0;
    fade.gain.setValueAtTime(0, when);
    fade.gain.linearRampToValueAtTime(1, when + seconds);
    source.connect(fade).connect(this.note.damp);
    source.start(when, when - this.note.origin);
    const { note } = this;
    const layer = { source, fade };
    note.layers.push(layer);
    source.onended = () => {
      fade.disconnect();
      note.layers.splice(note.layers.indexOf(layer), 1);
      this.#clear(note);
    };
  }

  // Forgets a note that has ended and that nobody holds.
  #clear(note) {
    if (note.layers.length || (this.note === note && !note.released)) return;
    note.gate.disconnect();
    if (this.note === note) this.note = null;
  }

  #shut(when) {
    if (!this.note) return;
    const { gate, layers } = this.note;
    gate.gain.setValueAtTime(1, when);
    gate.gain.linearRampToValueAtTime(0, when + CUT_SECONDS);
    for (const { source } of layers) source.stop(when + CUT_SECONDS);
  }
}

// Notes that have come, the least recently played ones forgotten first.
class NoteStore {
  constructor() {
    this.kept = new Map();
    this.seconds = 0;
  }

  get(key) {
    const sound = this.kept.get(key);
    if (!sound) return undefined;
    this.kept.delete(key);
    this.kept.set(key, sound);
    return sound;
  }

  put(key, sound) {
    this.#drop(key);
    this.kept.set(key, sound);
    this.seconds += sound.samples.length / sound.rate;
    while (this.seconds > KEPT_SECONDS) this.#drop(this.kept.keys().next().value);
  }

  #drop(key) {
    const sound = this.kept.get(key);
    if (!sound) return;
    this.seconds -= sound.samples.length / sound.rate;
    this.kept.delete(key);
  }
}

// How long keys waited for their sound, in ms, told as it is.
class KeyLatency {
  constructor() {
    this.asked = []; // notes that Python had to make
    this.kept = []; // notes that were here already
    this.missed = 0;
  }

  words(context) {
    const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
    const one = (list) => {
      if (!list.length) return "none yet";
      const [last, half] = [list.at(-1), median(list)].map((ms) => ms.toFixed(0));
      return `last ${last} ms, median ${half} ms of ${list.length}`;
    };
    const late = this.missed ? ` ${this.missed} came too late to be played.` : "";
    const device = 1000 * (context?.outputLatency || context?.baseLatency || 0);
    return (
      `From key to sound. Notes that Python had to make: ${one(this.asked)}. ` +
      `Notes that were here already: ${one(this.kept)}.${late}` +
      (device ? ` Your sound device adds about ${device.toFixed(0)} ms.` : "")
    );
  }
}
