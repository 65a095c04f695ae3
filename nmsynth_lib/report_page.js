// Players of one group: starting one stops the other and goes on at its place, so that two sounds
// can be compared at any moment.
"use strict";

for (const group of document.querySelectorAll(".switch")) {
  const players = [...group.querySelectorAll("audio")];
  let last = null;
  for (const player of players) {
    player.addEventListener("play", () => {
      if (last && last !== player && !last.ended) {
        const place = last.currentTime;
        last.pause();
        if (place < (player.duration || Infinity)) player.currentTime = place;
      }
      last = player;
      for (const other of players) {
        other.parentElement.classList.toggle("heard", other === player);
      }
    });
    player.addEventListener("pause", () => player.parentElement.classList.remove("heard"));
    player.addEventListener("ended", () => player.parentElement.classList.remove("heard"));
  }
}
