/* The lattice rollout by hand: what one core can do on this job. Compiled by c_kernel.py, once for each element type
 * REAL and number of lanes LANES: that many histories stand innermost in memory and run through all steps together,
 * so that their state stays in the cache. LANES = 1 vectorises along a lattice row instead.
 *
 * All arrays are the caller's: drive (steps, 2, batch), local (2, sites), final (2 states, 2, sites, batch), and
 * coefficients = linear, cubic, mixed, coupling, depolarization, scale of dt * rate, signs included, and the clip bound
 * (0: none). Lanes first..last-1 are done, so that threads can share a batch. Returns nonzero when memory is short.
 */
#include <stdlib.h>
#include <string.h>

#define L LANES
#define LINE ((size_t)64)
#define ALIGNED __attribute__((aligned(64)))
#define V (LANES == 1 ? 1 : 32 / (int)sizeof(REAL)) /* elements of a vector of 256 bits */
#define AT(f, offset) (*(const vec *)((f) + (offset)))
#define PUT(f, offset) (*(vec *)((f) + (offset)))
#if LANES == 1
typedef REAL vec;
#else
typedef REAL vec __attribute__((vector_size(32), may_alias));
#endif

typedef struct {
    REAL linear, cubic, mixed, coupling, depolarization, scale, clip;
} Coefficients;

static Coefficients narrow(const double *c) {
    return (Coefficients){(REAL)c[0], (REAL)c[1], (REAL)c[2], (REAL)c[3], (REAL)c[4], (REAL)c[5], (REAL)c[6]};
}

static REAL *zeros(size_t count) {
    size_t bytes = (count * sizeof(REAL) + LINE - 1) / LINE * LINE;
    REAL *f = aligned_alloc(LINE, bytes);
    if (f) memset(f, 0, bytes);
    return f;
}

/* p between -clip and clip */
static inline __attribute__((always_inline)) vec bounded(vec p, REAL clip) {
#if LANES == 1
    p = p < clip ? p : clip;
    return p > -clip ? p : -clip;
#else
    for (int l = 0; l < V; l++) {
        p[l] = p[l] < clip ? p[l] : clip;
        p[l] = p[l] > -clip ? p[l] : -clip;
    }
    return p;
#endif
}

/* dt * (applied field + depolarization field) of each lane; sum is that of p over the lattice */
static void push_of(const REAL *drive, const REAL *sum, int lanes, REAL per_site, const Coefficients *c, REAL *push) {
    for (int l = 0; l < lanes; l++) push[l] = c->scale * drive[l] + c->depolarization * per_site * sum[l];
}

static void copy_out(const REAL *state, long rows, int lanes, REAL *final, long batch) {
    for (long r = 0; r < rows; r++) memcpy(final + r * batch, state + r * L, lanes * sizeof(REAL));
}

/* ---- every site moves ----
 * One copy of the state, in rows + 1 slots: a step that goes down finds row i in slot i + 1 and writes it to slot i, over
 * what was row i - 1, whose old value at the same site has just been read; the next step goes up and moves them back.
 */

/* One row of both components, y standing ``plane`` elements behind x. A ghost site stands at either end of a row. */
static inline __attribute__((always_inline)) void move_row(
    long columns, long plane, const REAL *here, const REAL *up, const REAL *down, const REAL *local, long sites,
    const REAL *push, const Coefficients *c, REAL *new, REAL *sum) {
    const REAL linear = 1 + c->linear, cubic = c->cubic, mixed = c->mixed, coupling = c->coupling;
#pragma GCC unroll 8
    for (int v = 0; v < L; v += V) {
        vec sum_x = AT(sum, v), sum_y = AT(sum, L + v), left_x = AT(here, v - L), left_y = AT(here, plane + v - L);
        const vec push_x = AT(push, v), push_y = AT(push, L + v);
        vec x = AT(here, v), y = AT(here, plane + v);
        for (long j = 0, k = v; j < columns; j++, k += L) {
            const vec right_x = AT(here, k + L), right_y = AT(here, plane + k + L), x2 = x * x, y2 = y * y;
            const vec nx = (AT(up, k) + AT(down, k)) + (left_x + right_x);
            const vec ny = (AT(up, plane + k) + AT(down, plane + k)) + (left_y + right_y);
            const vec new_x = x * (linear + cubic * x2 + mixed * y2) + (coupling * nx + (local[j] + push_x));
            const vec new_y = y * (linear + cubic * y2 + mixed * x2) + (coupling * ny + (local[sites + j] + push_y));
            PUT(new, k) = new_x, PUT(new, plane + k) = new_y;
            sum_x += new_x, sum_y += new_y;
            left_x = x, left_y = y, x = right_x, y = right_y;
        }
        PUT(sum, v) = sum_x, PUT(sum, L + v) = sum_y;
    }
}

/* The same row of a single history, vectors lying along it. */
static inline __attribute__((always_inline)) void move_row_alone(
    long columns, long plane, const REAL *here, const REAL *up, const REAL *down, const REAL *local, long sites,
    const REAL *push, const Coefficients *c, REAL *new, REAL *sum) {
    REAL sum_x = 0, sum_y = 0;
    const REAL *here_y = here + plane, *up_y = up + plane, *down_y = down + plane, *local_y = local + sites;
    const REAL linear = 1 + c->linear, cubic = c->cubic, mixed = c->mixed, coupling = c->coupling;
#pragma GCC ivdep
    for (long j = 0; j < columns; j++) {
        const REAL x = here[j], y = here_y[j], x2 = x * x, y2 = y * y;
        const REAL nx = (up[j] + down[j]) + (here[j - 1] + here[j + 1]);
        const REAL ny = (up_y[j] + down_y[j]) + (here_y[j - 1] + here_y[j + 1]);
        const REAL new_x = x * (linear + cubic * x2 + mixed * y2) + (coupling * nx + (local[j] + push[0]));
        const REAL new_y = y * (linear + cubic * y2 + mixed * x2) + (coupling * ny + (local_y[j] + push[1]));
        new[j] = new_x, new[j + plane] = new_y;
        sum_x += new_x, sum_y += new_y;
    }
    sum[0] += sum_x, sum[1] += sum_y;
}

/* A missing neighbour is zero (grounded: ``none`` is a row of zeros) or the site itself (open: ``none`` is NULL). */
static void move_all(int downwards, long rows, long columns, REAL *p, const REAL *local, const REAL *push,
                     const Coefficients *c, const REAL *none, REAL *sum) {
    const long stride = (columns + 2) * L, plane = (rows + 1) * stride;
    memset(sum, 0, 2 * L * sizeof(REAL));
    for (long n = 0; n < rows; n++) {
        const long i = downwards ? n : rows - 1 - n;
        const REAL *here = p + (i + downwards) * stride + L, *instead = none ? none + L : here;
        const REAL *up = i > 0 ? here - stride : instead, *down = i + 1 < rows ? here + stride : instead;
        REAL *to = p + (i + 1 - downwards) * stride + L;
        if (L == 1) move_row_alone(columns, plane, here, up, down, local + i * columns, rows * columns, push, c, to, sum);
        else move_row(columns, plane, here, up, down, local + i * columns, rows * columns, push, c, to, sum);
        if (!none)
            for (int component = 0; component < 2; component++, to += plane) {
                memcpy(to - L, to, L * sizeof(REAL));
                memcpy(to + columns * L, to + (columns - 1) * L, L * sizeof(REAL));
            }
    }
}

int synchronous(long rows, long columns, long batch, long first, long last, long steps, int grounded,
                const double *coefficients, const REAL *drive, const REAL *local, REAL *final) {
    const Coefficients c = narrow(coefficients);
    const long sites = rows * columns, stride = (columns + 2) * L, size = 2 * (rows + 1) * stride;
    REAL *p = zeros(size), *none = grounded ? zeros(size) : NULL, *scaled = zeros(2 * sites);
    REAL push[2 * L] ALIGNED = {0}, sum[2 * L] ALIGNED;
    if (!p || !scaled || (grounded && !none)) return 1;
    for (long s = 0; s < 2 * sites; s++) scaled[s] = c.scale * local[s];
    for (long lane = first; lane < last; lane += L) {
        const int lanes = last - lane < L ? (int)(last - lane) : L;
        memset(p, 0, size * sizeof(REAL));
        memset(sum, 0, sizeof sum);
        for (long t = 0; t < steps; t++) {
            for (int component = 0; component < 2; component++)
                push_of(drive + (2 * t + component) * batch + lane, sum + component * L, lanes, (REAL)1 / sites, &c,
                        push + component * L);
            move_all(t % 2, rows, columns, p, scaled, push, &c, none, sum);
        }
        for (long i = 0; i < 4 * rows; i++) { /* polarization, then the same as the visible field */
            const REAL *row = p + i / rows % 2 * (rows + 1) * stride + (i % rows + steps % 2) * stride + L;
            copy_out(row, columns, lanes, final + i * columns * batch + lane, batch);
        }
    }
    free(p), free(scaled), free(none);
    return 0;
}

/* ---- listed sites move: z = [p; projected; 0] of each component, see ferro_jax/kernel.py ---- */

static inline __attribute__((always_inline)) void rates(
    long count, const int *moved, const int *sources, const REAL *x, const REAL *y, const REAL *local, long sites,
    const REAL *push, const Coefficients *c, int clipping, REAL *g) {
    const REAL linear = c->linear, cubic = c->cubic, mixed = c->mixed, coupling = c->coupling;
    for (long k = 0; k < count; k++, g += 2 * L, sources += 4) {
        const long here = (long)moved[k] * L, n0 = (long)sources[0] * L, n1 = (long)sources[1] * L,
                   n2 = (long)sources[2] * L, n3 = (long)sources[3] * L;
        const REAL local_x = local[moved[k]], local_y = local[sites + moved[k]];
#pragma GCC unroll 8
        for (int v = 0; v < L; v += V) {
            vec a = AT(x, here + v), b = AT(y, here + v);
            if (clipping) a = bounded(a, c->clip), b = bounded(b, c->clip);
            const vec a2 = a * a, b2 = b * b;
            const vec nx = (AT(x, n0 + v) + AT(x, n1 + v)) + (AT(x, n2 + v) + AT(x, n3 + v));
            const vec ny = (AT(y, n0 + v) + AT(y, n1 + v)) + (AT(y, n2 + v) + AT(y, n3 + v));
            PUT(g, v) = a * (linear + cubic * a2 + mixed * b2) + (coupling * nx + (local_x + AT(push, v)));
            PUT(g, L + v) = b * (linear + cubic * b2 + mixed * a2) + (coupling * ny + (local_y + AT(push, L + v)));
        }
    }
}

/* One component's moves; g has those of both, site by site. */
static void move_listed(long count, const int *moved, long sites, const REAL *g, REAL *z, REAL *sum) {
    for (long k = 0; k < count; k++, g += 2 * L) {
        REAL *p = z + (long)moved[k] * L, *projected = p + sites * L;
#pragma GCC unroll 8
        for (int v = 0; v < L; v += V) {
            const vec rate = AT(g, v), new = AT(p, v) + rate;
            PUT(p, v) = new, PUT(projected, v) = new + rate;
            PUT(sum, v) += rate;
        }
    }
}

/* Sites moved[offset[t]..offset[t+1]-1] move at step t; sources has the rows of z with their neighbours' visible values. */
int listed(long sites, long batch, long first, long last, long steps, const double *coefficients, const REAL *drive,
           const REAL *local, const long *offset, const int *moved, const int *sources, REAL *final) {
    const Coefficients c = narrow(coefficients);
    const long rows = 2 * sites + 1;
    REAL *z = zeros(2 * rows * L), *g = zeros(2 * sites * L), *scaled = zeros(2 * sites);
    REAL push[2 * L] ALIGNED = {0}, sum[2 * L] ALIGNED;
    if (!z || !g || !scaled) return 1;
    for (long s = 0; s < 2 * sites; s++) scaled[s] = c.scale * local[s];
    for (long lane = first; lane < last; lane += L) {
        const int lanes = last - lane < L ? (int)(last - lane) : L;
        memset(z, 0, 2 * rows * L * sizeof(REAL));
        memset(sum, 0, sizeof sum);
        for (long t = 0; t < steps; t++) {
            const long count = offset[t + 1] - offset[t];
            const int *list = moved + offset[t], *from = sources + 4 * offset[t];
            REAL *x = z, *y = z + rows * L;
            for (int component = 0; component < 2; component++)
                push_of(drive + (2 * t + component) * batch + lane, sum + component * L, lanes, (REAL)1 / sites, &c,
                        push + component * L);
            if (c.clip > 0) rates(count, list, from, x, y, scaled, sites, push, &c, 1, g);
            else rates(count, list, from, x, y, scaled, sites, push, &c, 0, g);
            move_listed(count, list, sites, g, x, sum);
            move_listed(count, list, sites, g + L, y, sum + L);
        }
        const long count = offset[steps] - offset[steps - 1];
        for (int component = 0; component < 2; component++) {
            REAL *p = z + component * rows * L, *visible = p + sites * L, *to = final + component * sites * batch + lane;
            copy_out(p, sites, lanes, to, batch);
            for (long k = 0; k < count; k++) { /* a site that moved last shows its p */
                const long s = moved[offset[steps - 1] + k];
                memcpy(visible + s * L, p + s * L, L * sizeof(REAL));
            }
            copy_out(visible, sites, lanes, to + 2 * sites * batch, batch);
        }
    }
    free(z), free(g), free(scaled);
    return 0;
}
