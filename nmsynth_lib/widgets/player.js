// Sound: one looping player whose buffer can be exchanged while it plays.
// The position is kept and the old sound fades into the new one, so a slider is heard as it moves.
"use strict";

const FADE_SECONDS = 0.04;
const START_SECONDS = 0.004; // a little ahead of now, so that both fades begin on time

// 16-bit samples from whatever view the front end hands over (DataView, Uint8Array, ArrayBuffer).
function samplesFromBytes(bytes) {
  const view = ArrayBuffer.isView(bytes) ? bytes : new Uint8Array(bytes ?? 0);
  const whole = view.byteLength - (view.byteLength % 2);
  const copy = view.buffer.slice(view.byteOffset, view.byteOffset + whole);
  return Float32Array.from(new Int16Array(copy), (sample) => sample / 32767);
}

// A WAV file, 16 bits, one channel.
function wavFile({ samples, rate }) {
  const bytes = 2 * samples.length;
  const view = new DataView(new ArrayBuffer(44 + bytes));
  const text = (at, word) => [...word].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  const number = (at, value) => view.setUint32(at, value, true);
  const short = (at, value) => view.setUint16(at, value, true);
  text(0, "RIFF");
  number(4, 36 + bytes);
  text(8, "WAVEfmt ");
  number(16, 16); // bytes of the format
  short(20, 1); // PCM
  short(22, 1); // channel
  number(24, rate);
  number(28, 2 * rate); // bytes a second
  short(32, 2); // bytes a frame
  short(34, 16); // bits
  text(36, "data");
  number(40, bytes);
  samples.forEach((sample, i) => {
    const whole = Math.round(32767 * Math.min(1, Math.max(-1, sample)));
    view.setInt16(44 + 2 * i, whole, true);
  });
  return new Blob([view], { type: "audio/wav" });
}

const fileName = (label) =>
  `${label.replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_+|_+$/g, "") || "sound"}.wav`;

class LoopPlayer {
  constructor(onStop) {
    this.onStop = onStop;
    this.loop = true;
    this.sound = null; // {samples, rate}; with {channels} too, for a route that mixes them
    this.begin = 0; // seconds into the loop where Play begins: moved by seek
    this.context = null; // made by the first Play: browsers allow sound only after a gesture
    this.voice = null; // {source, gain}: what is heard, or fading in
    this.origin = 0; // context time at which the loop was at its beginning
    this.route = null; // (context, node) => node: what lies between the voices and the ear, if any
    this.turn = 0; // raised by Play and Stop: a Play that waited for a gesture may be out of date
    this.buffers = new WeakMap(); // sound -> AudioBuffer, for going to and fro within one sound
  }

  get playing() {
    return this.voice !== null;
  }

  get seconds() {
    return this.sound ? this.sound.samples.length / this.sound.rate : 0;
  }

  // Seconds into the loop; when silent, and until the first sample sounds, where Play begins.
  get position() {
    if (this.playing) return this.#placeAt(this.context.currentTime);
    return Math.min(this.begin, this.seconds);
  }

  // Largest sample of the last 2,048 that were heard, 0…1: for a level meter.
  get peak() {
    if (!this.playing) return 0;
    this.window ??= new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(this.window);
    return this.window.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  }

  async play() {
    if (!this.sound) return;
    this.context ??= this.#openContext();
    const turn = ++this.turn;
    await this.context.resume(); // as long as the browser wants a gesture first
    if (turn !== this.turn) return;
    const when = this.context.currentTime + START_SECONDS;
    this.origin = when - (this.begin % this.seconds);
    this.#start(when);
  }

  stop() {
    this.turn++;
    this.#release();
    this.onStop();
  }

  setLoop(loop) {
    this.loop = loop;
    if (this.voice) this.voice.source.loop = loop;
  }

  // Exchanges the sound; when one is playing the new one takes over at the same place.
  setSound(sound) {
    if (!this.playing) {
      this.sound = sound;
      return;
    }
    const when = this.context.currentTime + START_SECONDS;
    const place = this.#placeAt(when);
    this.sound = sound;
    this.origin = when - (place % this.seconds);
    this.#start(when);
  }

  // Goes to a place in the loop, where Play begins from now on; fades over when it is playing.
  seek(seconds) {
    const last = this.sound ? this.seconds - 1 / this.sound.rate : 0;
    this.begin = Math.min(Math.max(seconds, 0), last);
    if (!this.playing) return;
    const when = this.context.currentTime + START_SECONDS;
    this.origin = when - this.begin;
    this.#start(when);
  }

  close() {
    this.turn++;
    this.#release();
    this.context?.close();
    this.context = null;
  }

  #openContext() {
    // At the sound's own rate the browser resamples once, well; else each source linearly.
    let context;
    try {
      context = new AudioContext({ sampleRate: this.sound.rate, latencyHint: "interactive" });
    } catch {
      context = new AudioContext({ latencyHint: "interactive" });
    }
    this.out = context.createGain();
    this.analyser = context.createAnalyser(); // lets a test measure what is really played
    this.analyser.fftSize = 2048;
    const heard = this.route?.(context, this.out) ?? this.out;
    heard.connect(this.analyser).connect(context.destination);
    return context;
  }

  #buffer() {
    const { samples, channels = [samples], rate } = this.sound;
    if (!this.buffers.has(this.sound)) {
      const buffer = this.context.createBuffer(channels.length, samples.length, rate);
      channels.forEach((channel, number) => buffer.copyToChannel(channel, number));
      this.buffers.set(this.sound, buffer);
    }
    return this.buffers.get(this.sound);
  }

  // Seconds into the loop at a context time.
  #placeAt(time) {
    return this.seconds ? Math.max(time - this.origin, 0) % this.seconds : 0;
  }

  #start(when) {
    const source = this.context.createBufferSource();
    const gain = this.context.createGain();
    source.buffer = this.#buffer();
    source.loop = this.loop;
    gain.gain.value = 0; // else a sound replaced before `when` would be held at full level
    gain.gain.setValueAtTime(0, when);
    gain.gain.linearRampToValueAtTime(1, when + (this.playing ? FADE_SECONDS : 0.002));
    source.connect(gain).connect(this.out);
    source.start(when, this.#placeAt(when));
    this.#release();
    const voice = { source, gain };
    this.voice = voice;
    source.onended = () => {
      gain.disconnect();
      if (this.voice === voice) {
        this.voice = null;
        this.onStop();
      }
    };
  }

  #release() {
    if (!this.voice) return;
    const { source, gain } = this.voice;
    const now = this.context.currentTime + START_SECONDS;
    gain.gain.cancelScheduledValues(0);
    gain.gain.setValueAtTime(gain.gain.value, now);
    gain.gain.linearRampToValueAtTime(0, now + FADE_SECONDS);
    source.stop(now + FADE_SECONDS);
    this.voice = null;
  }
}
