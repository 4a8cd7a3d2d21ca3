// Attention of one token a row over the cache; scores and weights stay in float32.
// Letters: H query heads, K key-value heads, D head width, X capacity of a slot.

#pragma once

#include "numbers.h"

namespace {

constexpr long TILE = 64;   // tokens of the cache looked at together
constexpr long AHEAD = 64;  // tokens of the cache to ask memory for before they are looked at

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
      V16 found = summed(sums);
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

}  // namespace
