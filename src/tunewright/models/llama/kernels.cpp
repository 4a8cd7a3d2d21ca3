// Element-wise work, attention over the cache and products of few rows, for the processor.
//
// Every value is computed in float32 and rounded where the eager forward rounds (attention keeps its scores and weights
// in float32). T is float or bfloat16 (as uint16). Rows are computed one by one: no value of a row reaches another.
// Letters: T tokens, C width, H query heads, K key-value heads, D head width, X capacity of a slot, O outputs.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace {

constexpr long FEW = 4;           // most rows of a product
constexpr long WORTH_THREADS = 1 << 14;  // values below which one thread is faster
constexpr long TILE = 64;         // tokens of the cache looked at together
constexpr long AHEAD = 64;         // tokens of the cache to ask memory for before they are looked at
constexpr long WIDEST = 512;      // most values of a head

inline float wide(float value) { return value; }

inline float wide(uint16_t value) {
  uint32_t bits = static_cast<uint32_t>(value) << 16;
  float found;
  std::memcpy(&found, &bits, 4);
  return found;
}

inline void put(float &place, float value) { place = value; }

inline void put(uint16_t &place, float value) {  // to the nearest, ties to even; a NaN stays one
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  place = static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
}

template <class T> inline float rounded(float value) {
  T place;
  put(place, value);
  return wide(place);
}

// e^x within 2 units of the last place, for any x that is a number; a NaN stays one. As 2^n times a polynomial of the rest.
inline float exponential(float x) {
  float bounded = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  float shifted = bounded * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the sum rounds to a whole number
  float n = shifted - 12582912.0f;
  float r = bounded - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t power = (static_cast<int32_t>(n) + 127) << 23;
  float scale;
  std::memcpy(&scale, &power, 4);
  return x != x ? x : p * scale;
}

// x += more where there is more; out = x / root mean square of x * weight.
template <class T>
void norm(T *x, const T *more, const T *weight, T *out, long rows, long width, float epsilon, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (rows * width > WORTH_THREADS)
  for (long row = 0; row < rows; row++) {
    T *own = x + row * width;
    T *result = out + row * width;
    if (more != nullptr) {
      const T *added = more + row * width;
#pragma omp simd
      for (long c = 0; c < width; c++) put(own[c], wide(own[c]) + wide(added[c]));
    }
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (long c = 0; c < width; c++) sum += wide(own[c]) * wide(own[c]);
    float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + epsilon);
#pragma omp simd
    for (long c = 0; c < width; c++) put(result[c], wide(own[c]) * scale * wide(weight[c]));
  }
}

// out = silu(gate) * up, for rows of gate and up behind one another.
template <class T> void gated(const T *both, T *out, long rows, long width, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (rows * width > WORTH_THREADS)
  for (long row = 0; row < rows; row++) {
    const T *gate = both + row * 2 * width;
    const T *up = gate + width;
    T *result = out + row * width;
#pragma omp simd
    for (long c = 0; c < width; c++) {
      float g = wide(gate[c]);
      put(result[c], rounded<T>(g / (1.0f + exponential(-g))) * wide(up[c]));
    }
  }
}

// In place, for the first `heads` heads of each row of `stride` values: the head's norm where there is one, then the turn.
template <class T>
void turned(T *qkv, const T *cosine, const T *sine, const T *const *norms, long rows, long stride, long heads,
            long key_heads, long width, float epsilon, int threads) {
  long half = width / 2;
#pragma omp parallel for schedule(static) num_threads(threads) if (rows * stride > WORTH_THREADS)
  for (long row = 0; row < rows; row++) {
    float h[WIDEST];
    const T *cos = cosine + row * width;
    const T *sin = sine + row * width;
    for (long head = 0; head < heads + key_heads; head++) {
      T *own = qkv + row * stride + head * width;
      const T *weight = norms[head < heads ? 0 : 1];
      for (long d = 0; d < width; d++) h[d] = wide(own[d]);
      if (weight != nullptr) {
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (long d = 0; d < width; d++) sum += h[d] * h[d];
        float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + epsilon);
        for (long d = 0; d < width; d++) h[d] = rounded<T>(h[d] * scale * wide(weight[d]));
      }
      if (cosine == nullptr) {
        for (long d = 0; d < width; d++) put(own[d], h[d]);
        continue;
      }
#pragma omp simd
      for (long d = 0; d < half; d++) {
        float left = h[d], right = h[d + half];
        put(own[d], rounded<T>(left * wide(cos[d])) + rounded<T>(right * wide(sin[d])));
        put(own[d + half], rounded<T>(right * wide(cos[d + half])) + rounded<T>(left * wide(sin[d + half])));
      }
    }
  }
}

// Keys and values of the tokens `places` (all, where null) go to the lines `targets` [tokens * K] of a shelf.
template <class T>
void kept(const T *keys, const T *values, long stride, T *key_shelf, T *value_shelf, const int64_t *targets,
          const int64_t *places, long tokens, long key_heads, long width) {
  for (long at = 0; at < tokens; at++) {
    long token = places == nullptr ? at : static_cast<long>(places[at]);
    for (long head = 0; head < key_heads; head++) {
      long line = static_cast<long>(targets[at * key_heads + head]);
      std::memcpy(key_shelf + line * width, keys + token * stride + head * width, width * sizeof(T));
      std::memcpy(value_shelf + line * width, values + token * stride + head * width, width * sizeof(T));
    }
  }
}

typedef float V16 __attribute__((vector_size(64)));
typedef uint32_t U16 __attribute__((vector_size(64)));
typedef uint16_t H16 __attribute__((vector_size(32)));

// Ask for memory that is read soon; an address beyond the end does no harm.
template <class T> inline void ahead(const T *values, long count) {
  for (long at = 0; at < count * static_cast<long>(sizeof(T)); at += 64)
    __builtin_prefetch(reinterpret_cast<const char *>(values) + at);
}

inline V16 sixteen(const float *values) {
  V16 found;
  std::memcpy(&found, values, sizeof(found));
  return found;
}

inline V16 sixteen(const uint16_t *values) {
  H16 read;
  std::memcpy(&read, values, sizeof(read));
  return reinterpret_cast<V16>(__builtin_convertvector(read, U16) << 16);
}

// Lane l: where bit B of l is 0 the sum of a's lanes l and l ^ B, else that of b's.
template <int B> inline V16 folded(V16 a, V16 b) {
#define OWN(l) ((l) & B ? 16 + (l) : (l))
#define OTHER(l) ((l) & B ? 16 + ((l) ^ B) : (l) ^ B)
#define ALL(f) f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7), f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15)
  return __builtin_shufflevector(a, b, ALL(OWN)) + __builtin_shufflevector(a, b, ALL(OTHER));
#undef ALL
#undef OTHER
#undef OWN
}

// Products of G queries with a tile's rows; D is a multiple of 16. Sixteen rows at a time, their sums in one vector: rows
// beyond `count` are whatever the tile holds, and their sums are not kept. Scores of a query are `apart` from the next.
template <long D, int G>
inline void dots(const float *queries, const float *tile, float *scores, long count, long apart) {
  for (long start = 0; start < count; start += 16) {
    long rows = std::min(16L, count - start);
    for (int g = 0; g < G; g++) {
      V16 q[D / 16], sums[16];
      std::memcpy(q, queries + g * D, sizeof(q));
#pragma GCC unroll 16
      for (int t = 0; t < 16; t++) {
        V16 k[D / 16];
        std::memcpy(k, tile + (start + t) * D, sizeof(k));
        sums[t] = q[0] * k[0];
#pragma GCC unroll 8
        for (int at = 1; at < D / 16; at++) sums[t] += q[at] * k[at];
      }
#pragma GCC unroll 8
      for (int t = 0; t < 8; t++) sums[t] = folded<1>(sums[2 * t], sums[2 * t + 1]);
#pragma GCC unroll 4
      for (int t = 0; t < 4; t++) sums[t] = folded<2>(sums[2 * t], sums[2 * t + 1]);
#pragma GCC unroll 2
      for (int t = 0; t < 2; t++) sums[t] = folded<4>(sums[2 * t], sums[2 * t + 1]);
      V16 found = folded<8>(sums[0], sums[1]);
      std::memcpy(scores + g * apart + start, &found, rows * sizeof(float));
    }
  }
}

// Of each of G queries: the sum of `count` values of D numbers, each times its weight.
template <class T, int D, int G>
inline void weighed(const float *weights, const T *values, T *out, long count, long apart) {
  V16 own[G * D / 16];
#pragma GCC unroll 32
  for (int at = 0; at < G * D / 16; at++) own[at] = V16{};
  for (long t = 0; t < count; t++) {
    ahead(values + (t + AHEAD) * D, D);
#pragma GCC unroll 8
    for (int at = 0; at < D / 16; at++) {
      V16 v = sixteen(values + t * D + at * 16);
#pragma GCC unroll 4
      for (int g = 0; g < G; g++) own[g * (D / 16) + at] += weights[g * apart + t] * v;
    }
  }
#pragma GCC unroll 32
  for (int at = 0; at < G * D / 16; at++) {
    for (int l = 0; l < 16; l++) put(out[at * 16 + l], own[at][l]);
  }
}

// e^(x - highest) in place; the sum of it. A row that sees nothing has no number: its sum is NaN.
inline float raised(float *own, long count) {
  float highest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : highest)
  for (long t = 0; t < count; t++) highest = own[t] > highest ? own[t] : highest;
#pragma omp simd reduction(+ : sum)
  for (long t = 0; t < count; t++) {
    own[t] = exponential(own[t] - highest);
    sum += own[t];
  }
  return sum;
}

template <class T, long D>
void one_head(const T *q, const T *keys, const T *values, T *out, long group, long from, long to, long width_, float scale) {
  const long width = D > 0 ? D : width_;
  static thread_local std::vector<float> memory;
  long seen = to - from;
  memory.resize(group * (seen + width) + TILE * width);
  float *scores = memory.data();
  float *query = scores + group * seen;
  float *tile = query + group * width;
  for (long at = 0; at < group * width; at++) query[at] = wide(q[at]) * scale;
  for (long start = 0; start < seen; start += TILE) {
    long count = std::min(TILE, seen - start);
    const T *own = keys + (from + start) * width;
    for (long t = 0; t < count; t++) {
      ahead(own + (t + AHEAD) * width, width);
#pragma omp simd
      for (long d = 0; d < width; d++) tile[t * width + d] = wide(own[t * width + d]);
    }
    float *result = scores + start;
    if constexpr (D > 0) {
      long g = 0;
      for (; g + 3 <= group; g += 3) dots<D, 3>(query + g * D, tile, result + g * seen, count, seen);
      for (; g < group; g++) dots<D, 1>(query + g * D, tile, result + g * seen, count, seen);
    } else {
      for (long g = 0; g < group; g++) {
        for (long t = 0; t < count; t++) {
          float sum = 0;
#pragma omp simd reduction(+ : sum)
          for (long d = 0; d < width; d++) sum += query[g * width + d] * tile[t * width + d];
          result[g * seen + t] = sum;
        }
      }
    }
  }
  for (long g = 0; g < group; g++) {
    float *own = scores + g * seen;
    float sum = raised(own, seen);
    float share = 1.0f / sum;
#pragma omp simd
    for (long t = 0; t < seen; t++) own[t] *= share;
  }
  const T *own = values + from * width;
  if constexpr (D > 0) {
    constexpr int TOGETHER = D > 64 ? 2 : 4;
    long g = 0;
    for (; g + TOGETHER <= group; g += TOGETHER)
      weighed<T, D, TOGETHER>(scores + g * seen, own, out + g * D, seen, seen);
    for (; TOGETHER == 4 && g + 3 <= group; g += 3) weighed<T, D, 3>(scores + g * seen, own, out + g * D, seen, seen);
    for (; g < group; g++) weighed<T, D, 1>(scores + g * seen, own, out + g * D, seen, seen);
  } else {
    float *sum = tile;
    for (long g = 0; g < group; g++) {
      for (long d = 0; d < width; d++) sum[d] = 0;
      for (long t = 0; t < seen; t++) {
#pragma omp simd
        for (long d = 0; d < width; d++) sum[d] += scores[g * seen + t] * wide(own[t * width + d]);
      }
      for (long d = 0; d < width; d++) put(out[g * width + d], sum[d]);
    }
  }
}

// Weights of attention in place of scores [S, H, L, X]: softmax of scores * scale over what is not hidden. `hidden`: bytes
// [S or 1, L, X], `apart` bytes from one segment to the next (0: all have the same).
template <class T>
void softened(T *scores, const uint8_t *hidden, long segments, long heads, long queries, long keys, long apart,
              float scale, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) collapse(2) if (segments * heads * queries * keys > WORTH_THREADS)
  for (long segment = 0; segment < segments; segment++) {
    for (long line = 0; line < heads * queries; line++) {
      static thread_local std::vector<float> memory;
      memory.resize(keys);
      float *own = memory.data();
      T *place = scores + (segment * heads * queries + line) * keys;
      const uint8_t *out_of_sight = hidden + segment * apart + (line % queries) * keys;
#pragma omp simd
      for (long at = 0; at < keys; at++) own[at] = out_of_sight[at] ? -INFINITY : wide(place[at]) * scale;
      float share = 1.0f / raised(own, keys);
#pragma omp simd
      for (long at = 0; at < keys; at++) put(place[at], out_of_sight[at] ? 0.0f : own[at] * share);
    }
  }
}

// Row r stands in slot r and sees its first lengths[r] tokens, or the last `window` of them where window > 0.
template <class T>
void attended(const T *q, long stride, const T *keys, const T *values, const int64_t *lengths, T *out, long rows,
              long heads, long key_heads, long capacity, long width, long window, float scale, int threads) {
  long group = heads / key_heads;
#pragma omp parallel for schedule(dynamic) num_threads(threads) collapse(2)
  for (long row = 0; row < rows; row++) {
    for (long head = 0; head < key_heads; head++) {
      long to = static_cast<long>(lengths[row]);
      long from = window > 0 ? std::max(0L, to - window) : 0;
      long slot = (row * key_heads + head) * capacity * width;
      const T *own = q + row * stride + head * group * width;
      T *result = out + (row * heads + head * group) * width;
      if (width == 64)
        one_head<T, 64>(own, keys + slot, values + slot, result, group, from, to, width, scale);
      else if (width == 128)
        one_head<T, 128>(own, keys + slot, values + slot, result, group, from, to, width, scale);
      else
        one_head<T, 0>(own, keys + slot, values + slot, result, group, from, to, width, scale);
    }
  }
}

template <class T, int N>
void few_rows(const float *x, const T *weight, const T *bias, T *out, long outputs, long width, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (long o = 0; o < outputs; o++) {
    const T *line = weight + o * width;
    float sums[N] = {};
    for (int row = 0; row < N; row++) {
      float sum = 0;
      const float *own = x + row * width;
#pragma omp simd reduction(+ : sum)
      for (long c = 0; c < width; c++) sum += wide(line[c]) * own[c];
      sums[row] = sum;
    }
    for (int row = 0; row < N; row++) put(out[row * outputs + o], sums[row] + (bias == nullptr ? 0.0f : wide(bias[o])));
  }
}

#if defined(__AVX512BF16__)
constexpr long MANY = 16;    // most rows of a product in bfloat16: beyond, the library is as fast
constexpr long STRIDE = 32;  // values of bfloat16 in a vector
constexpr long LINES_AHEAD = 4;

// Eight rows of x against two lines of the weights, as sums of pairs of bfloat16 in float32: sums[line][row]. Asks for
// the weights `soon` values further, where that is not 0: without it the threads wait for memory more than half the time.
inline void eight_rows(const uint16_t *x, const uint16_t *one, const uint16_t *other, float *sums, long width, long soon) {
  __m512 found[16];
#pragma GCC unroll 16
  for (int at = 0; at < 16; at++) found[at] = _mm512_setzero_ps();
  for (long c = 0; c < width; c += STRIDE) {
    __m512bh left = reinterpret_cast<__m512bh>(_mm512_loadu_si512(one + c));
    __m512bh right = reinterpret_cast<__m512bh>(_mm512_loadu_si512(other + c));
    if (soon != 0) {
      __builtin_prefetch(one + c + soon);
      __builtin_prefetch(other + c + soon);
    }
#pragma GCC unroll 8
    for (int row = 0; row < 8; row++) {
      __m512bh own = reinterpret_cast<__m512bh>(_mm512_loadu_si512(x + row * width + c));
      found[row] = _mm512_dpbf16_ps(found[row], left, own);
      found[8 + row] = _mm512_dpbf16_ps(found[8 + row], right, own);
    }
  }
  V16 parts[16];
  std::memcpy(parts, found, sizeof(parts));
#pragma GCC unroll 8
  for (int t = 0; t < 8; t++) parts[t] = folded<1>(parts[2 * t], parts[2 * t + 1]);
#pragma GCC unroll 4
  for (int t = 0; t < 4; t++) parts[t] = folded<2>(parts[2 * t], parts[2 * t + 1]);
#pragma GCC unroll 2
  for (int t = 0; t < 2; t++) parts[t] = folded<4>(parts[2 * t], parts[2 * t + 1]);
  V16 all = folded<8>(parts[0], parts[1]);
  std::memcpy(sums, &all, sizeof(all));
}

void many_rows(const uint16_t *x, const uint16_t *weight, const uint16_t *bias, uint16_t *out, long rows, long outputs,
               long width, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (long o = 0; o < outputs; o += 2) {
    long last = std::min(o + 1, outputs - 1);
    for (long first = 0; first < rows; first += 8) {
      float sums[16];
      long soon = first == 0 ? LINES_AHEAD * width : 0;
      eight_rows(x + first * width, weight + o * width, weight + last * width, sums, width, soon);
      for (long line = o; line <= last; line++) {
        float added = bias == nullptr ? 0.0f : wide(bias[line]);
        for (long row = first; row < std::min(rows, first + 8); row++)
          put(out[row * outputs + line], sums[(line - o) * 8 + row - first] + added);
      }
    }
  }
}

void product_of_many(const uint16_t *x, const uint16_t *weight, const uint16_t *bias, uint16_t *out, long rows,
                     long outputs, long width, int threads) {
  static thread_local std::vector<uint16_t> memory;  // rows that are not there count as zeros
  memory.assign((rows + 7) / 8 * 8 * width, 0);
  std::memcpy(memory.data(), x, rows * width * sizeof(uint16_t));
  many_rows(memory.data(), weight, bias, out, rows, outputs, width, threads);
}
#endif

// out = x weight^T + bias for at most rows_at_most() rows: reads each weight once.
template <class T>
void product(const T *x, const T *weight, const T *bias, T *out, long rows, long outputs, long width, int threads) {
#if defined(__AVX512BF16__)
  if constexpr (sizeof(T) == sizeof(uint16_t)) {
    if (rows > 2 && width % STRIDE == 0) return product_of_many(x, weight, bias, out, rows, outputs, width, threads);
  }
#endif
  static thread_local std::vector<float> memory;
  memory.resize(rows * width);
  float *own = memory.data();
#pragma omp simd
  for (long at = 0; at < rows * width; at++) own[at] = wide(x[at]);
  switch (rows) {
  case 1: return few_rows<T, 1>(own, weight, bias, out, outputs, width, threads);
  case 2: return few_rows<T, 2>(own, weight, bias, out, outputs, width, threads);
  case 3: return few_rows<T, 3>(own, weight, bias, out, outputs, width, threads);
  case FEW: return few_rows<T, 4>(own, weight, bias, out, outputs, width, threads);
  }
}

}  // namespace

// The first highest score of each row and its natural log-probability; not a number where a score is not one.
extern "C" void best_f32(const float *scores, int64_t *tokens, float *log_probabilities, long rows, long vocabulary,
                         int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (long row = 0; row < rows; row++) {
    const float *own = scores + row * vocabulary;
    float highest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : highest)
    for (long at = 0; at < vocabulary; at++) highest = own[at] > highest ? own[at] : highest;
    long found = 0;
    while (found + 1 < vocabulary && own[found] != highest) found++;
#pragma omp simd reduction(+ : sum)
    for (long at = 0; at < vocabulary; at++) sum += exponential(own[at] - highest);
    tokens[row] = found;
    log_probabilities[row] = -std::log(sum);
  }
}

// How many rows a product of lines of `width` bfloat16 numbers (`narrow`), or of others, takes on this processor.
extern "C" long rows_at_most(long width, int narrow) {
#if defined(__AVX512BF16__)
  if (narrow && width % STRIDE == 0) return MANY;
#endif
  (void)width, (void)narrow;
  return FEW;
}

#define OF_TYPE(T, NAME)                                                                                               \
  extern "C" void norm_##NAME(T *x, const T *more, const T *weight, T *out, long rows, long width, float epsilon,     \
                              int threads) {                                                                           \
    norm<T>(x, more, weight, out, rows, width, epsilon, threads);                                                      \
  }                                                                                                                    \
  extern "C" void gated_##NAME(const T *both, T *out, long rows, long width, int threads) {                           \
    gated<T>(both, out, rows, width, threads);                                                                         \
  }                                                                                                                    \
  extern "C" void turned_##NAME(T *qkv, const T *cosine, const T *sine, const T *q_norm, const T *k_norm, long rows,  \
                                long stride, long heads, long key_heads, long width, float epsilon, int threads) {    \
    const T *norms[2] = {q_norm, k_norm};                                                                              \
    turned<T>(qkv, cosine, sine, norms, rows, stride, heads, key_heads, width, epsilon, threads);                      \
  }                                                                                                                    \
  extern "C" void kept_##NAME(const T *keys, const T *values, long stride, T *key_shelf, T *value_shelf,              \
                              const int64_t *targets, const int64_t *places, long tokens, long key_heads,             \
                              long width) {                                                                            \
    kept<T>(keys, values, stride, key_shelf, value_shelf, targets, places, tokens, key_heads, width);                  \
  }                                                                                                                    \
  extern "C" void attended_##NAME(const T *q, long stride, const T *keys, const T *values, const int64_t *lengths,    \
                                  T *out, long rows, long heads, long key_heads, long capacity, long width,           \
                                  long window, float scale, int threads) {                                             \
    attended<T>(q, stride, keys, values, lengths, out, rows, heads, key_heads, capacity, width, window, scale,        \
                threads);                                                                                              \
  }                                                                                                                    \
  extern "C" void softened_##NAME(T *scores, const uint8_t *hidden, long segments, long heads, long queries,          \
                                  long keys, long apart, float scale, int threads) {                                   \
    softened<T>(scores, hidden, segments, heads, queries, keys, apart, scale, threads);                                \
  }                                                                                                                    \
  extern "C" void product_##NAME(const T *x, const T *weight, const T *bias, T *out, long rows, long outputs,         \
                                 long width, int threads) {                                                            \
    product<T>(x, weight, bias, out, rows, outputs, width, threads);                                                   \
  }

OF_TYPE(float, f32)
OF_TYPE(uint16_t, bf16)
