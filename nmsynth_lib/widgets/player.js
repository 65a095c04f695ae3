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

class LoopPlayer {
  constructor(onStop) {
    this.onStop = onStop;
    this.loop = true;
    this.sound = null; // {samples, rate}
    this.context = null; // made by the first Play: browsers allow sound only after a gesture
    this.voice = null; // {source, gain}: what is heard, or fading in
    this.origin = 0; // context time at which the loop was at its beginning
  }

  get playing() {
    return this.voice !== null;
  }

  get seconds() {
    return this.sound ? this.sound.samples.length / this.sound.rate : 0;
  }

  // Seconds into the loop; 0 when silent, and until the first sample sounds.
  get position() {
    return this.playing ? this.#placeAt(this.context.currentTime) : 0;
  }

  async play() {
    if (!this.sound) return;
    this.context ??= this.#openContext();
    await this.context.resume();
    this.origin = this.context.currentTime + START_SECONDS;
    this.#start(this.origin);
  }

  stop() {
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

  close() {
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
    this.out.connect(this.analyser).connect(context.destination);
    return context;
  }

  // Seconds into the loop at a context time.
  #placeAt(time) {
    return this.seconds ? Math.max(time - this.origin, 0) % this.seconds : 0;
  }

  #start(when) {
    const { samples, rate } = this.sound;
    const buffer = this.context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const source = this.context.createBufferSource();
    const gain = this.context.createGain();
    source.buffer = buffer;
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
