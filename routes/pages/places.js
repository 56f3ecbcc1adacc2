/** Where the cities lie that name common time zones: latitude and longitude, in degrees. */
const CITIES = `
Africa/Cairo 30 31, Africa/Casablanca 34 -8, Africa/Johannesburg -26 28, Africa/Lagos 6 3,
Africa/Nairobi -1 37, America/Anchorage 61 -150, America/Bogota 5 -74, America/Buenos_Aires -35 -58,
America/Argentina/Buenos_Aires -35 -58, America/Caracas 10 -67, America/Chicago 42 -88,
America/Denver 40 -105, America/Halifax 45 -64, America/Havana 23 -82, America/Lima -12 -77,
America/Los_Angeles 34 -118, America/Mexico_City 19 -99, America/Montreal 46 -74,
America/New_York 41 -74, America/Phoenix 33 -112, America/Santiago -33 -71,
America/Sao_Paulo -24 -47, America/St_Johns 48 -53, America/Toronto 44 -79,
America/Vancouver 49 -123, America/Winnipeg 50 -97, Asia/Almaty 43 77, Asia/Baghdad 33 44,
Asia/Bangkok 14 100, Asia/Calcutta 23 88, Asia/Colombo 7 80, Asia/Dhaka 24 90, Asia/Dubai 25 55,
Asia/Ho_Chi_Minh 11 107, Asia/Hong_Kong 22 114, Asia/Jakarta -6 107, Asia/Jerusalem 32 35,
Asia/Karachi 25 67, Asia/Kathmandu 28 85, Asia/Kolkata 23 88, Asia/Manila 15 121,
Asia/Riyadh 25 47, Asia/Seoul 38 127, Asia/Shanghai 31 121, Asia/Singapore 1 104,
Asia/Taipei 25 122, Asia/Tashkent 41 69, Asia/Tehran 36 51, Asia/Tokyo 36 140,
Asia/Yekaterinburg 57 61, Atlantic/Azores 38 -26, Atlantic/Reykjavik 64 -22,
Australia/Adelaide -35 139, Australia/Brisbane -27 153, Australia/Melbourne -38 145,
Australia/Perth -32 116, Australia/Sydney -34 151, Europe/Amsterdam 52 5, Europe/Athens 38 24,
Europe/Belgrade 45 20, Europe/Berlin 53 13, Europe/Brussels 51 4, Europe/Bucharest 44 26,
Europe/Budapest 48 19, Europe/Copenhagen 56 13, Europe/Dublin 53 -6, Europe/Helsinki 60 25,
Europe/Istanbul 41 29, Europe/Kiev 50 31, Europe/Kyiv 50 31, Europe/Lisbon 39 -9,
Europe/London 52 0, Europe/Madrid 40 -4, Europe/Moscow 56 38, Europe/Oslo 60 11,
Europe/Paris 49 2, Europe/Prague 50 14, Europe/Rome 42 12, Europe/Sofia 43 23,
Europe/Stockholm 59 18, Europe/Vienna 48 16, Europe/Warsaw 52 21, Europe/Zurich 47 9,
Pacific/Auckland -37 175, Pacific/Fiji -18 178, Pacific/Honolulu 21 -158`;

/** For other zones: where people of that part of the world mostly live. */
const LATITUDES = {
  Africa: 5,
  America: 35,
  Asia: 30,
  Atlantic: 30,
  Australia: -30,
  Europe: 50,
  Indian: -10,
  Pacific: -10,
};

/** A first guess at where a visitor of a time zone is; `offset` is its hours ahead of UTC. */
export function guessPlace(zone, offset) {
  const city = CITIES.split(",").map((entry) => entry.trim().split(" "))
    .find(([name]) => name === zone);
  if (city) return { lat: Number(city[1]), lon: Number(city[2]) };
  const lon = Math.max(-180, Math.min(179, Math.round(offset * 15)));
  return { lat: LATITUDES[zone.split("/")[0]] ?? 0, lon };
}
