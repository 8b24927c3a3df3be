// Pictures that are to be wiped lie side by side until this script, which runs last, puts them into one frame.
for (const place of document.querySelectorAll(".wipe")) {
  const [left, right] = [...place.querySelectorAll("img")].map((image) => ({ image, name: image.dataset.name }));
  left.image.hidden = right.image.hidden = true;
  wipe(place, left, right);
}
