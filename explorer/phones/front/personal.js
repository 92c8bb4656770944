// One person's answers next to those of measures, networks and earlier takers.
const LEAST_CATCH = 0.75;
const percent = (share) => `${Math.round(100 * share)} %`;
const people = (count) => (count === 1 ? "1 earlier taker" : `${count} earlier takers`);

export function showPersonal(summary) {
  const { answered, share, others, others_share: theirs, catch_right: right } = summary;
  const sentences = [
    `To a network, each of these ${answered} images is the same as its target photograph. ` +
      `You found ${percent(share ?? 0)} of them more like that photograph than like the image ` +
      "that they were made from.",
  ];
  if (theirs !== null) sentences.push(`On the same images, ${people(others)} said so of ${percent(theirs)}.`);
  if (summary.catch) sentences.push(`Of ${summary.catch} with a known answer you had ${right} right.`);
  if (right < LEAST_CATCH * summary.catch) sentences.push("With fewer than 75 % of these right, others are not compared with you.");
  document.getElementById("personal-text").textContent = sentences.join(" ");
  const table = document.getElementById("personal-table");
  table.replaceChildren(heading("Which networks' images you recognised"));
  table.append(part("p", "note", "You saw few images of each network, so these shares are uncertain: one answer more or less moves them far."));
  for (const each of summary.networks) {
    const others = each.others_share === null ? "" : `; earlier takers ${percent(each.others_share)}`;
    const images = each.n === 1 ? "image" : "images";
    const interval = `95 % interval ${Math.round(100 * each.low)} to ${percent(each.high)}`;
    const note = `of ${each.n} ${images}, ${interval}${others}`;
    table.append(row(each.title, each.share, note, "row own"));
  }
  table.append(heading("Who says the same as you"));
  if (summary.others_agreement !== null) {
    table.append(row("Earlier takers", summary.others_agreement, "of their answers on these images"));
  }
  for (const each of summary.measures) {
    const related = each.counts ? "" : "; related to a network or loss of these images, so it does not count";
    const note = `it calls ${percent(each.nearer_target)} nearer the target${related}`;
    table.append(row(each.title, each.agreement, note, each.counts ? "row" : "row uncounted"));
  }
}

function heading(text) {
  const made = document.createElement("h2");
  made.textContent = text;
  return made;
}

function row(name, share, note, className = "row") {
  const made = document.createElement("div");
  made.className = className;
  const line = part("div", "name");
  line.append(part("span", "", name), part("span", "", percent(share)));
  const bar = part("div", "bar");
  bar.append(part("div", ""));
  bar.firstChild.style.width = percent(share).replace(" ", "");
  bar.setAttribute("aria-hidden", "true");
  made.append(line, bar, part("p", "note", note));
  return made;
}

function part(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
