import type { AggregateCall, Expr } from '../plan/index.ts';
import type { Decomposition } from './decompose-aggregate.ts';
import {
  BIGINT,
  BOOLEAN,
  call,
  caseWhen,
  compare,
  DOUBLE,
  HUGEINT,
  literal,
  zeroIfNull,
} from './expressions.ts';

/*
 * Variance and its relatives, merged as Chan, Golub and LeVeque do: of each share n, the mean m and the sum of squares
 * S around m. Over all shares, with M the mean of all: S = sum(S_i) + sum(n_i * (m_i - M)^2). Sums of raw squares would
 * lose all digits where the mean is large against the spread.
 */

type Ratio = (sums: { readonly n: Expr; readonly s: Expr }) => Expr;

const one = literal('1', DOUBLE);
const nothing = literal(null, DOUBLE);

function op(name: '+' | '-' | '*' | '/', left: Expr, right: Expr): Expr {
  return call(name, [left, right], DOUBLE);
}

function squareRoot(value: Expr): Expr {
  return call('sqrt', [value], DOUBLE);
}

function ifMoreThan(limit: number, n: Expr, value: Expr): Expr {
  return caseWhen(compare('>', n, literal(String(limit), DOUBLE)), value, nothing);
}

const population: Ratio = ({ n, s }) => ifMoreThan(0, n, op('/', s, n));
const sample: Ratio = ({ n, s }) => ifMoreThan(1, n, op('/', s, op('-', n, one)));

/** From the count and the sum of squares around the mean. */
const spreads: ReadonlyMap<string, Ratio> = new Map<string, Ratio>([
  ['var_pop', population],
  ['var_samp', sample],
  ['variance', sample],
  ['stddev_pop', (sums) => squareRoot(population(sums))],
  ['stddev_samp', (sums) => squareRoot(sample(sums))],
  ['stddev', (sums) => squareRoot(sample(sums))],
  ['sem', (sums) => op('/', squareRoot(population(sums)), squareRoot(sums.n))],
]);

/** What a pair of columns gives: counts, means and sums of squares and products around the means. */
interface PairSums {
  readonly n: Expr;
  readonly xx: Expr;
  readonly yy: Expr;
  readonly xy: Expr;
  readonly meanX: Expr;
  readonly meanY: Expr;
}

const zero = literal('0', DOUBLE);
const slope = ({ xx, xy }: PairSums): Expr => op('/', xy, xx);
const correlation = ({ n, xx, yy, xy }: PairSums): Expr =>
  op('/', op('/', xy, n), op('*', squareRoot(op('/', xx, n)), squareRoot(op('/', yy, n))));

const pairs: ReadonlyMap<string, (sums: PairSums) => Expr> = new Map<string, (sums: PairSums) => Expr>([
  ['covar_pop', ({ n, xy }) => ifMoreThan(0, n, op('/', xy, n))],
  ['covar_samp', ({ n, xy }) => ifMoreThan(1, n, op('/', xy, op('-', n, one)))],
  ['corr', (sums) => ifMoreThan(0, sums.n, correlation(sums))],
  ['regr_avgx', ({ n, meanX }) => ifMoreThan(0, n, meanX)],
  ['regr_avgy', ({ n, meanY }) => ifMoreThan(0, n, meanY)],
  ['regr_sxx', ({ n, xx }) => ifMoreThan(0, n, xx)],
  ['regr_syy', ({ n, yy }) => ifMoreThan(0, n, yy)],
  ['regr_sxy', ({ n, xy }) => ifMoreThan(0, n, xy)],
  ['regr_slope', (sums) => ifMoreThan(0, sums.n, slope(sums))],
  [
    'regr_intercept',
    (sums) => {
      const { n, xx, meanX, meanY } = sums;
      const value = op('-', meanY, op('*', slope(sums), meanX));
      return ifMoreThan(0, n, caseWhen(compare('=', xx, zero), nothing, value));
    },
  ],
  [
    'regr_r2',
    (sums) => {
      const square = op('*', correlation(sums), correlation(sums));
      const flat = caseWhen(compare('=', sums.yy, zero), one, square);
      return ifMoreThan(0, sums.n, caseWhen(compare('=', sums.xx, zero), nothing, flat));
    },
  ],
]);

export function decomposeMoments(aggregate: AggregateCall): Decomposition | undefined {
  const [first, second] = aggregate.args;
  if (first === undefined) return undefined;
  const spread = spreads.get(aggregate.name);
  if (spread !== undefined) return decomposeSpread(aggregate, first, spread);
  if (second === undefined) return undefined;
  if (aggregate.name === 'regr_count') return decomposePairCount(aggregate, first, second);
  const pair = pairs.get(aggregate.name);
  return pair === undefined ? undefined : decomposePair(aggregate, first, second, pair);
}

function over(aggregate: AggregateCall, name: string, args: readonly Expr[], type = DOUBLE): AggregateCall {
  return { name, args, distinct: false, filter: aggregate.filter, orderBy: [], type };
}

function total(value: Expr, type = DOUBLE): AggregateCall {
  return { name: 'sum', args: [value], distinct: false, filter: undefined, orderBy: [], type };
}

function extreme(name: 'min' | 'max', value: Expr): AggregateCall {
  return { name, args: [value], distinct: false, filter: undefined, orderBy: [], type: DOUBLE };
}

/** n * (m_i - M) * (k_i - K) + inner */
function aroundMeans(
  n: Expr,
  inner: Expr,
  [m, grandM]: [Expr, Expr],
  [k, grandK]: [Expr, Expr],
): AggregateCall {
  const offset = op('*', op('-', m, grandM), op('-', k, grandK));
  return total(op('+', inner, op('*', n, offset)));
}

/** Equal values have no spread, whatever rounding makes of their means. */
function zeroIfFlat(low: Expr, high: Expr, value: Expr): Expr {
  return caseWhen(compare('=', low, high), zero, value);
}

function decomposeSpread(aggregate: AggregateCall, x: Expr, ratio: Ratio): Decomposition {
  return {
    pieces: [
      { call: over(aggregate, 'count', [x], BIGINT), carried: DOUBLE },
      { call: over(aggregate, 'favg', [x]), carried: DOUBLE },
      { call: over(aggregate, 'var_pop', [x]), carried: DOUBLE },
      { call: over(aggregate, 'min', [x]), carried: DOUBLE },
      { call: over(aggregate, 'max', [x]), carried: DOUBLE },
    ],
    means: [{ weight: 0, value: 1 }],
    merge: ([n = zero, mean = zero, variance = zero, low = zero, high = zero], [grand = zero]) => [
      total(n),
      aroundMeans(n, op('*', n, variance), [mean, grand], [mean, grand]),
      extreme('min', low),
      extreme('max', high),
    ],
    result: ([n = zero, s = zero, low = zero, high = zero]) => ratio({ n, s: zeroIfFlat(low, high, s) }),
    mergesInSteps: false,
  };
}

/** `value` where the other one of the pair is there, too. */
function ofPair(value: Expr, other: Expr): Expr {
  const present: Expr = { kind: 'isNotNull', input: other, type: BOOLEAN };
  return caseWhen(present, value, literal(null, value.type));
}

function decomposePair(
  aggregate: AggregateCall,
  y: Expr,
  x: Expr,
  result: (sums: PairSums) => Expr,
): Decomposition {
  const [ownX, ownY] = [ofPair(x, y), ofPair(y, x)];
  return {
    pieces: [
      { call: over(aggregate, 'count', [ownX], BIGINT), carried: DOUBLE },
      ...[
        over(aggregate, 'favg', [ownX]),
        over(aggregate, 'favg', [ownY]),
        over(aggregate, 'var_pop', [ownX]),
        over(aggregate, 'var_pop', [ownY]),
        over(aggregate, 'covar_pop', [y, x]),
        over(aggregate, 'min', [ownX]),
        over(aggregate, 'max', [ownX]),
        over(aggregate, 'min', [ownY]),
        over(aggregate, 'max', [ownY]),
      ].map((piece) => ({ call: piece, carried: DOUBLE })),
    ],
    means: [
      { weight: 0, value: 1 },
      { weight: 0, value: 2 },
    ],
    merge: (pieces, [grandX = zero, grandY = zero]) => {
      const [n = zero, mx = zero, my = zero, vx = zero, vy = zero, c = zero, ...extremes] = pieces;
      return [
        total(n),
        aroundMeans(n, op('*', n, vx), [mx, grandX], [mx, grandX]),
        aroundMeans(n, op('*', n, vy), [my, grandY], [my, grandY]),
        aroundMeans(n, op('*', n, c), [mx, grandX], [my, grandY]),
        total(op('*', n, mx)),
        total(op('*', n, my)),
        ...extremes.map((value, index) => extreme(index % 2 === 0 ? 'min' : 'max', value)),
      ];
    },
    result: ([n = zero, xx = zero, yy = zero, xy = zero, sumX = zero, sumY = zero, ...extremes]) => {
      const [lowX = zero, highX = zero, lowY = zero, highY = zero] = extremes;
      return result({
        n,
        xx: zeroIfFlat(lowX, highX, xx),
        yy: zeroIfFlat(lowY, highY, yy),
        xy: zeroIfFlat(lowX, highX, zeroIfFlat(lowY, highY, xy)),
        meanX: op('/', sumX, n),
        meanY: op('/', sumY, n),
      });
    },
    mergesInSteps: false,
  };
}

function decomposePairCount(aggregate: AggregateCall, y: Expr, x: Expr): Decomposition {
  return {
    pieces: [{ call: over(aggregate, 'count', [ofPair(x, y)], BIGINT), carried: BIGINT }],
    means: [],
    merge: (pieces) => pieces.map((piece) => total(piece, HUGEINT)),
    result: ([count]) => zeroIfNull(count ?? literal(null, HUGEINT), aggregate.type),
    mergesInSteps: true,
  };
}
