// Numbers of the kernels: float32 and bfloat16 (as uint16), sixteen of them as one vector, and e^x.
//
// Every value is computed in float32 and rounded where the eager forward rounds.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace {

constexpr long WORTH_THREADS = 1 << 14;  // values below which one thread is faster

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

// The sums of sixteen vectors' lanes, in order; the vectors are used up.
inline V16 summed(V16 *parts) {
#pragma GCC unroll 8
  for (int t = 0; t < 8; t++) parts[t] = folded<1>(parts[2 * t], parts[2 * t + 1]);
#pragma GCC unroll 4
  for (int t = 0; t < 4; t++) parts[t] = folded<2>(parts[2 * t], parts[2 * t + 1]);
#pragma GCC unroll 2
  for (int t = 0; t < 2; t++) parts[t] = folded<4>(parts[2 * t], parts[2 * t + 1]);
  return folded<8>(parts[0], parts[1]);
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

}  // namespace
