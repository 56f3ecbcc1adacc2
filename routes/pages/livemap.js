import { connect, report } from "./connect.js";
import { counted, part } from "./page.js";
import { guessPlace } from "./places.js";
import { recall, remember } from "./session.js";

const POLL = "livemap";
/** What of the world the map shows, in degrees; world.svg is cut to the same. */
const MAP = { north: 84, south: -60, west: -180, east: 180 };
const SHOWN_DOTS = 500;
const LISTED_PLACES = 30;
/** Moving by a held key sends this often. */
const SEND_MS = 150;
const STEPS = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

const map = part("map");
// Each connection anew: this vote has gone with the last one.
const client = connect(vote);
const remembered = `place in ${client.room}`;
let own = parsePlace(recall(remembered) ?? "") ?? guess();
let sending;
let asking = false;
let due = false;

client.subscribe(`ephemeralPoll:${POLL}`, ({ stats }) => showVisitors(stats));
map.addEventListener("click", ({ clientX, clientY }) => {
  const { left, top, width, height } = part("dots").getBoundingClientRect();
  moveTo(
    MAP.north - (clientY - top) / height * (MAP.north - MAP.south),
    MAP.west + (clientX - left) / width * (MAP.east - MAP.west),
  );
});
map.addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const degrees = event.shiftKey ? 10 : 1;
  moveTo(own.lat + step[0] * degrees, own.lon + step[1] * degrees);
});
showOwn();

function guess() {
  const offsets = [0, 6].map((month) => new Date(2024, month, 1).getTimezoneOffset());
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  // In summer time a zone's clock is ahead of its place.
  return guessPlace(zone, -Math.max(...offsets) / 60);
}

function moveTo(lat, lon) {
  own = {
    lat: Math.round(Math.max(MAP.south, Math.min(MAP.north, lat))),
    // Round the world: east of the map's edge is its west.
    lon: (Math.round(lon) + 540) % 360 - 180,
  };
  remember(remembered, nameOf(own));
  showOwn();
  sending ??= setTimeout(vote, SEND_MS);
}

async function vote() {
  clearTimeout(sending);
  sending = undefined;
  due = true;
  // One at a time: whatever happens to the connection, the last place is the last to be sent.
  if (asking) return;
  asking = true;
  while (due) {
    due = false;
    await report(client.vote(POLL, nameOf(own), { ephemeral: true }));
  }
  asking = false;
}

function showOwn() {
  put(part("me"), own);
  part("me").hidden = false;
  part("place").textContent = `You are at ${inWords(own)}.`;
}

/** Answers are anyone's to give: what is no place is left out. */
function showVisitors(stats) {
  const places = Object.entries(stats)
    .map(([answer, count]) => ({ answer, count, place: parsePlace(answer) }))
    .filter(({ place }) => place !== undefined)
    .sort((a, b) => b.count - a.count);
  const visitors = places.reduce((sum, { count }) => sum + count, 0);
  part("dots").replaceChildren(
    ...places.slice(0, SHOWN_DOTS).map(({ answer, count, place }) => {
      const dot = document.createElement("div");
      dot.className = "dot";
      dot.dataset.place = answer;
      dot.title = `${inWords(place)}: ${counted(count, "visitor")}`;
      dot.style.setProperty("--size", Math.min(Math.sqrt(count), 5));
      put(dot, place);
      return dot;
    }),
  );
  part("summary").textContent = `${counted(visitors, "visitor")} at ${
    counted(places.length, "place")
  }.`;
  part("places").replaceChildren(
    ...places.slice(0, LISTED_PLACES).map(({ count, place }) => {
      const item = document.createElement("li");
      item.textContent = `${inWords(place)}: ${counted(count, "visitor")}`;
      return item;
    }),
  );
}

function put(element, { lat, lon }) {
  const down = (MAP.north - lat) / (MAP.north - MAP.south);
  element.style.left = `${(lon - MAP.west) / (MAP.east - MAP.west) * 100}%`;
  element.style.top = `${Math.max(0, Math.min(1, down)) * 100}%`;
}

function nameOf({ lat, lon }) {
  return `${lat},${lon}`;
}

function parsePlace(answer) {
  const [, lat, lon] = /^(-?\d{1,2}),(-?\d{1,3})$/.exec(answer) ?? [];
  if (lat === undefined || Math.abs(lat) > 90 || Math.abs(lon) > 180) return undefined;
  return { lat: Number(lat), lon: Number(lon) };
}

function inWords({ lat, lon }) {
  return `${Math.abs(lat)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon)}° ${lon < 0 ? "W" : "E"}`;
}
