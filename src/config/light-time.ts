/**
 * How long light takes between two planets, from their Keplerian elements: E. M. Standish, "Approximate
 * Positions of the Planets", JPL Solar System Dynamics, table 1, for the years 1800 to 2050. Its
 * elements of the Earth are those of the centre of mass of Earth and Moon, which is within 4700 km of it.
 */

import type { WallMs } from '../base/time.ts'
import type { Planet } from './link-quality.ts'

/**
 * At J2000 and its change in a Julian century, each: semi-major axis in au, eccentricity; inclination, mean longitude,
 * longitude of the perihelion and of the ascending node in degrees.
 */
type Elements = readonly [
  a: readonly [number, number],
  e: readonly [number, number],
  inclination: readonly [number, number],
  longitude: readonly [number, number],
  perihelion: readonly [number, number],
  node: readonly [number, number],
]

const ELEMENTS: Readonly<Record<Planet, Elements>> = {
  mercury: [
    [0.38709927, 0.00000037],
    [0.20563593, 0.00001906],
    [7.00497902, -0.00594749],
    [252.2503235, 149472.67411175],
    [77.45779628, 0.16047689],
    [48.33076593, -0.12534081],
  ],
  venus: [
    [0.72333566, 0.0000039],
    [0.00677672, -0.00004107],
    [3.39467605, -0.0007889],
    [181.9790995, 58517.81538729],
    [131.60246718, 0.00268329],
    [76.67984255, -0.27769418],
  ],
  earth: [
    [1.00000261, 0.00000562],
    [0.01671123, -0.00004392],
    [-0.00001531, -0.01294668],
    [100.46457166, 35999.37244981],
    [102.93768193, 0.32327364],
    [0, 0],
  ],
  mars: [
    [1.52371034, 0.00001847],
    [0.0933941, 0.00007882],
    [1.84969142, -0.00813131],
    [-4.55343205, 19140.30268499],
    [-23.94362959, 0.44441088],
    [49.55953891, -0.29257343],
  ],
  jupiter: [
    [5.202887, -0.00011607],
    [0.04838624, -0.00013253],
    [1.30439695, -0.00183714],
    [34.39644051, 3034.74612775],
    [14.72847983, 0.21252668],
    [100.47390909, 0.20469106],
  ],
  saturn: [
    [9.53667594, -0.0012506],
    [0.05386179, -0.00050991],
    [2.48599187, 0.00193609],
    [49.95424423, 1222.49362201],
    [92.59887831, -0.41897216],
    [113.66242448, -0.28867794],
  ],
  uranus: [
    [19.18916464, -0.00196176],
    [0.04725744, -0.00004397],
    [0.77263783, -0.00242939],
    [313.23810451, 428.48202785],
    [170.9542763, 0.40805281],
    [74.01692503, 0.04240589],
  ],
  neptune: [
    [30.06992276, 0.00026291],
    [0.00859048, 0.00005105],
    [1.77004347, 0.00035372],
    [-55.12002969, 218.45945325],
    [44.96476227, -0.32241464],
    [131.78422574, -0.00508664],
  ],
}

const J2000_WALL_MS = 946_728_000_000
const CENTURY_MS = 36_525 * 86_400_000
const AU_KM = 149_597_870.7
const LIGHT_KM_PER_MS = 299.792458
const RADIANS = Math.PI / 180

/** The years that the elements were fitted to. */
export const EPHEMERIS_FROM_YEAR = 1800
export const EPHEMERIS_UNTIL_YEAR = 2050

type Vector = readonly [x: number, y: number, z: number]

/** Between where both are at one moment. */
export function distanceKm(between: readonly [Planet, Planet], at: WallMs): number {
  return apart(position(between[0], at), position(between[1], at))
}

/** In milliseconds, for light that leaves the first of them at `at`: the second moves on meanwhile. */
export function lightTimeMs([from, to]: readonly [Planet, Planet], at: WallMs): number {
  const start = position(from, at)
  let elapsedMs = 0
  // Each turn leaves an error of a ten thousandth of the one before: planets are so much slower.
  for (let turn = 0; turn < 3; turn++) {
    elapsedMs = apart(start, position(to, at + elapsedMs)) / LIGHT_KM_PER_MS
  }
  return elapsedMs
}

/** Heliocentric, in km, along the axes of the ecliptic of J2000. */
function position(planet: Planet, at: number): Vector {
  const centuries = (at - J2000_WALL_MS) / CENTURY_MS
  const [a, e, inclination, longitude, perihelion, node] = ELEMENTS[planet].map(
    ([start, change]) => start + change * centuries,
  ) as [number, number, number, number, number, number]
  const anomaly = eccentricAnomaly((longitude - perihelion) * RADIANS, e)
  // In the plane of the orbit, x towards the perihelion.
  const x = a * (Math.cos(anomaly) - e)
  const y = a * Math.sqrt(1 - e * e) * Math.sin(anomaly)
  const [w, n, i] = [(perihelion - node) * RADIANS, node * RADIANS, inclination * RADIANS]
  const along = x * Math.cos(w) - y * Math.sin(w)
  const across = x * Math.sin(w) + y * Math.cos(w)
  return [
    AU_KM * (along * Math.cos(n) - across * Math.sin(n) * Math.cos(i)),
    AU_KM * (along * Math.sin(n) + across * Math.cos(n) * Math.cos(i)),
    AU_KM * across * Math.sin(i),
  ]
}

/** Solves Kepler's equation by Newton's method; a planet's orbit needs no more than five turns. */
function eccentricAnomaly(meanAnomaly: number, e: number): number {
  let anomaly = meanAnomaly + e * Math.sin(meanAnomaly)
  for (let turn = 0; turn < 5; turn++) {
    anomaly -= (anomaly - e * Math.sin(anomaly) - meanAnomaly) / (1 - e * Math.cos(anomaly))
  }
  return anomaly
}

function apart(a: Vector, b: Vector): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])
}
