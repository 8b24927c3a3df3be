// A page looks every half minute at the small script beside it, which says when the study last got further. Pages
// opened from a folder may not fetch a file, but they may load a script; where none is there, they stop looking.
{
  const note = document.querySelector(".older");
  window.studyChanged = (milliseconds) => {
    if (milliseconds > Number(note.dataset.made)) {
      note.querySelector("time").textContent = new Date(Number(note.dataset.made)).toLocaleString();
      note.hidden = false;
    }
  };
  const look = () => {
    const script = document.createElement("script");
    script.src = `changed.js?${Date.now()}`;
    script.addEventListener("load", () => script.remove());
    script.addEventListener("error", () => {
      script.remove();
      clearInterval(again);
    });
    document.head.append(script);
  };
  const again = note ? setInterval(look, 30000) : 0;
  if (note) look();
}
