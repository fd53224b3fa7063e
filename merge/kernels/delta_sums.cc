#include "merge/kernels/delta_sums.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "core/check.h"
#include "merge/kernels/marks.h"

// Highway compiles what is between its two namespace macros once for each instruction set. Sums are
// made of vectors by hand: compilers leave some of these loops without, and make branches of the
// vote, although signs of deltas are as unpredictable as coins.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "merge/kernels/delta_sums.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>
//
#include "merge/kernels/vector_runs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace vlm::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Of entries from i on, which lie in one word.
template <typename Tag>
HWY_INLINE auto is_marked(Tag /*tag*/, const KeepRule& kept, std::size_t i) {
  const BitsTag<Tag> bits;
  const std::size_t place = kept.first_mark + i;
  const std::uint32_t word = kept.marks[place / kMarksOfWord] >> (place % kMarksOfWord);
  const auto own_bit = hn::Shl(hn::Set(bits, 1), hn::Iota(bits, 0));
  return hn::TestBit(hn::Set(bits, static_cast<std::int32_t>(word)), own_bit);
}

// Entries from `first` on, 0 where the rule drops them.
template <typename Tag, std::size_t kCount>
HWY_INLINE Run<Tag, kCount> drop(Tag tag, const KeepRule& kept, std::size_t first,
                                 Run<Tag, kCount> entries) {
  const BitsTag<Tag> bits;
  if (kept.window.lowest > 0) {
    for (auto& entry : entries) {
      const auto goes = hn::Lt(magnitude_of(tag, entry), hn::Set(bits, kept.window.lowest));
      entry = hn::IfThenZeroElse(hn::RebindMask(tag, goes), entry);
    }
  }
  if (kept.window.highest < MagnitudeWindow().highest) {
    for (auto& entry : entries) {
      const auto goes = hn::Gt(magnitude_of(tag, entry), hn::Set(bits, kept.window.highest));
      entry = hn::IfThenZeroElse(hn::RebindMask(tag, goes), entry);
    }
  }
  if (kept.marks.empty()) return entries;
  for (std::size_t j = 0; j < kCount; ++j) {
    const auto stays = is_marked(tag, kept, first + j * hn::Lanes(tag));
    entries[j] = hn::IfThenElseZero(hn::RebindMask(tag, stays), entries[j]);
  }
  return entries;
}

// The products of a delta's entries from `first` on, 0 where they are dropped. Adds the bits of all
// its entries to `seen`. By value, as other steps too: so runs stay in registers.
template <typename Tag, typename Value, std::size_t kCount>
HWY_INLINE Run<Tag, kCount> make_products(Tag tag, const WeightedDelta<Value>& delta,
                                          const Run<Tag, kCount>& base, std::size_t first,
                                          Bits<Tag>& seen) {
  const std::size_t lanes = hn::Lanes(tag);
  Run<Tag, kCount> entries;
  if (delta.made.empty()) {
    entries = load_run<kCount>(tag, delta.values.data() + first);
    for (std::size_t j = 0; j < kCount; ++j) {
      entries[j] = hn::Sub(entries[j], base[j]);
      seen = hn::Or(seen, hn::BitCast(BitsTag<Tag>(), entries[j]));
    }
    entries = drop(tag, delta.kept, first, entries);
  } else {
    for (std::size_t j = 0; j < kCount; ++j) {
      entries[j] = hn::LoadU(tag, delta.made.data() + first + j * lanes);
    }
  }
  if (delta.rescale != 1.0F) {
    for (auto& each : entries) each = hn::Mul(hn::Set(tag, delta.rescale), each);
  }
  for (auto& each : entries) each = hn::Mul(hn::Set(tag, delta.weight), each);
  return entries;
}

template <std::size_t kCount, typename Tag>
HWY_INLINE Run<Tag, kCount> zeros(Tag tag) {
  Run<Tag, kCount> run;
  for (auto& each : run) each = hn::Zero(tag);
  return run;
}

// out = base + factor * sums
template <typename Tag, std::size_t kCount>
HWY_INLINE void store_steps(Tag tag, const Run<Tag, kCount>& base, const Run<Tag, kCount>& sums,
                            float factor, float* out) {
  for (std::size_t j = 0; j < kCount; ++j) {
    const auto step = hn::Mul(hn::Set(tag, factor), sums[j]);
    hn::StoreU(hn::Add(base[j], step), tag, out + j * hn::Lanes(tag));
  }
}

template <typename Value>
HWY_INLINE bool add_all(std::span<const Value> base, std::span<const WeightedDelta<Value>> deltas,
                        float divisor, float factor, std::span<float> out) {
  bool small = true;
  for_each_run(out.size(), [&](auto tag, auto count, std::size_t first) {
    using Tag = decltype(tag);
    const auto from = load_run<count>(tag, base.data() + first);
    auto sums = zeros<count>(tag);
    auto seen = hn::Zero(BitsTag<Tag>());
    for (const WeightedDelta<Value>& delta : deltas) {
      const auto products = make_products(tag, delta, from, first, seen);
      for (std::size_t j = 0; j < count; ++j) sums[j] = hn::Add(sums[j], products[j]);
    }
    if (divisor != 1.0F) {
      for (auto& sum : sums) sum = hn::Div(sum, hn::Set(tag, divisor));
    }
    store_steps(tag, from, sums, factor, out.data() + first);
    small = small && are_small(tag, seen);
  });
  return small;
}

// The sign bit where a sum is negative; -0 is not.
template <typename Tag>
HWY_INLINE Bits<Tag> majority_of(Tag /*tag*/, Vector<Tag> total) {
  const BitsTag<Tag> bits;
  const auto sign = hn::Set(bits, std::numeric_limits<std::int32_t>::min());
  const auto stored = hn::BitCast(bits, total);
  return hn::IfThenElseZero(hn::And(hn::Lt(stored, hn::Zero(bits)), hn::Ne(stored, sign)), sign);
}

// The sums of those products that agree, or their means.
template <typename Tag, typename Value, std::size_t kCount>
HWY_INLINE Run<Tag, kCount> add_agreeing_products(Tag tag,
                                                  std::span<const WeightedDelta<Value>> deltas,
                                                  const Run<Tag, kCount>* products,
                                                  bool normalize) {
  const BitsTag<Tag> bits;
  auto totals = zeros<kCount>(tag);
  for (std::size_t k = 0; k < deltas.size(); ++k) {
    for (std::size_t j = 0; j < kCount; ++j) totals[j] = hn::Add(totals[j], products[k][j]);
  }
  Run<BitsTag<Tag>, kCount> majorities;
  for (std::size_t j = 0; j < kCount; ++j) majorities[j] = majority_of(tag, totals[j]);
  auto sums = zeros<kCount>(tag);
  auto divisors = zeros<kCount>(tag);
  for (std::size_t k = 0; k < deltas.size(); ++k) {
    const auto weight = hn::Set(tag, deltas[k].weight);
    for (std::size_t j = 0; j < kCount; ++j) {
      // Positive for an equal sign, and 0 or the sign bit alone for products of 0.
      const auto turned = hn::Xor(hn::BitCast(bits, products[k][j]), majorities[j]);
      const auto agrees = hn::RebindMask(tag, hn::Gt(turned, hn::Zero(bits)));
      sums[j] = hn::Add(sums[j], hn::IfThenElseZero(agrees, products[k][j]));
      divisors[j] = hn::Add(divisors[j], hn::IfThenElseZero(agrees, weight));
    }
  }
  if (!normalize) return sums;
  for (std::size_t j = 0; j < kCount; ++j) {
    const auto is_none = hn::Eq(divisors[j], hn::Zero(tag));
    sums[j] = hn::Div(sums[j], hn::IfThenElse(is_none, hn::Set(tag, 1.0F), divisors[j]));
  }
  return sums;
}

template <typename Value>
HWY_INLINE bool add_agreeing(std::span<const Value> base,
                             std::span<const WeightedDelta<Value>> deltas, bool normalize,
                             float factor, std::span<float> out) {
  bool small = true;
  for_each_run(out.size(), [&](auto tag, auto count, std::size_t first) {
    using Tag = decltype(tag);
    const auto from = load_run<count>(tag, base.data() + first);
    std::array<Run<Tag, count>, kMostDeltas> products;  // NOLINT(*-member-init): set as used
    auto seen = hn::Zero(BitsTag<Tag>());
    for (std::size_t k = 0; k < deltas.size(); ++k) {
      products[k] = make_products(tag, deltas[k], from, first, seen);
    }
    const auto sums =
        add_agreeing_products<Tag, Value, count>(tag, deltas, products.data(), normalize);
    store_steps(tag, from, sums, factor, out.data() + first);
    small = small && are_small(tag, seen);
  });
  return small;
}

constexpr std::size_t kSums = 16;
constexpr std::size_t kAddedAsFloats = 8;  // magnitudes of one sum, before they go into double

// Sums of the magnitudes of some deltas, and of those that are kept. Element i counts in sum
// i % kSums, whatever vectors there are.
template <typename Value>
class NormSums {
 public:
  NormSums(std::span<const Value> base, std::span<const Value> values, const KeepRule& kept)
      : base_(base), values_(values), kept_(kept) {}

  // Elements [first, end), of which the last may be no whole vector.
  HWY_INLINE void add(std::size_t first, std::size_t end) {
    using Tag = hn::CappedTag<float, kSums>;
    constexpr std::size_t kVectors = kSums / hn::MaxLanes(Tag());
    const Tag tag;
    auto all = zeros<kVectors>(tag);
    auto some = zeros<kVectors>(tag);
    auto seen = hn::Zero(BitsTag<Tag>());
    for (; first + kSums <= end; first += kSums) {
      const auto entries = look<kVectors>(tag, first, seen);
      const auto kept = drop(tag, kept_, first, entries);
      for (std::size_t j = 0; j < kVectors; ++j) {
        all[j] = hn::Add(all[j], hn::Abs(entries[j]));
        some[j] = hn::Add(some[j], hn::Abs(kept[j]));
      }
    }
    are_small_ = are_small_ && are_small(tag, seen);
    alignas(64) std::array<float, kSums> all_floats;   // NOLINT(*-member-init): set below
    alignas(64) std::array<float, kSums> some_floats;  // NOLINT(*-member-init)
    for (std::size_t j = 0; j < kVectors; ++j) {
      hn::Store(all[j], tag, all_floats.data() + j * hn::Lanes(tag));
      hn::Store(some[j], tag, some_floats.data() + j * hn::Lanes(tag));
    }
    for (; first < end; ++first) add_one(first, all_floats, some_floats);
    for (std::size_t k = 0; k < kSums; ++k) {
      all_[k] += double{all_floats[k]};
      some_[k] += double{some_floats[k]};
    }
  }

  [[nodiscard]] L1Norms norms() const {
    const double all = std::accumulate(all_.begin(), all_.end(), 0.0);
    if (!std::isfinite(all)) return norms_in_double();
    return {all, std::accumulate(some_.begin(), some_.end(), 0.0), are_small_};
  }

 private:
  template <std::size_t kVectors, typename Tag>
  HWY_INLINE Run<Tag, kVectors> look(Tag tag, std::size_t first, Bits<Tag>& seen) const {
    auto entries = load_run<kVectors>(tag, values_.data() + first);
    const auto from = load_run<kVectors>(tag, base_.data() + first);
    for (std::size_t j = 0; j < kVectors; ++j) {
      entries[j] = hn::Sub(entries[j], from[j]);
      seen = hn::Or(seen, hn::BitCast(BitsTag<Tag>(), entries[j]));
    }
    return entries;
  }

  using One = hn::CappedTag<float, 1>;

  // Of one element: its magnitude, and the same if it is kept, else 0.
  [[nodiscard]] std::array<float, 2> magnitudes_of(std::size_t i, Bits<One>& seen) const {
    const One one;
    const auto entry = look<1>(one, i, seen);
    const auto kept = drop(one, kept_, i, entry);
    return {hn::GetLane(hn::Abs(entry[0])), hn::GetLane(hn::Abs(kept[0]))};
  }

  void add_one(std::size_t i, std::array<float, kSums>& all, std::array<float, kSums>& some) {
    auto seen = hn::Zero(BitsTag<One>());
    const auto [magnitude, kept] = magnitudes_of(i, seen);
    all[i % kSums] += magnitude;
    some[i % kSums] += kept;
    are_small_ = are_small_ && are_small(One(), seen);
  }

  // Of magnitudes that are too large for sums in float32, or not finite.
  [[nodiscard]] L1Norms norms_in_double() const {
    L1Norms norms{0, 0, are_small_};
    auto seen = hn::Zero(BitsTag<One>());  // are_small_ tells it already
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const auto [magnitude, kept] = magnitudes_of(i, seen);
      norms.all += double{magnitude};
      norms.kept += double{kept};
    }
    return norms;
  }

  std::span<const Value> base_;
  std::span<const Value> values_;
  KeepRule kept_;
  std::array<double, kSums> all_{};
  std::array<double, kSums> some_{};
  bool are_small_ = true;
};

template <typename Value>
HWY_INLINE L1Norms norms_of(std::span<const Value> base, std::span<const Value> values,
                            const KeepRule& kept) {
  NormSums<Value> sums(base, values, kept);
  for (std::size_t first = 0; first < values.size(); first += kSums * kAddedAsFloats) {
    sums.add(first, std::min(first + kSums * kAddedAsFloats, values.size()));
  }
  return sums.norms();
}

// Highway exports functions, not templates.

bool add_to_floats(std::span<const float> base, std::span<const WeightedDelta<float>> deltas,
                   float divisor, float factor, std::span<float> out) {
  return add_all(base, deltas, divisor, factor, out);
}
bool add_to_halves(std::span<const Bfloat16> base, std::span<const WeightedDelta<Bfloat16>> deltas,
                   float divisor, float factor, std::span<float> out) {
  return add_all(base, deltas, divisor, factor, out);
}
bool add_agreeing_to_floats(std::span<const float> base,
                            std::span<const WeightedDelta<float>> deltas, bool normalize,
                            float factor, std::span<float> out) {
  return add_agreeing(base, deltas, normalize, factor, out);
}
bool add_agreeing_to_halves(std::span<const Bfloat16> base,
                            std::span<const WeightedDelta<Bfloat16>> deltas, bool normalize,
                            float factor, std::span<float> out) {
  return add_agreeing(base, deltas, normalize, factor, out);
}
L1Norms norms_of_floats(std::span<const float> base, std::span<const float> values,
                        const KeepRule& kept) {
  return norms_of(base, values, kept);
}
L1Norms norms_of_halves(std::span<const Bfloat16> base, std::span<const Bfloat16> values,
                        const KeepRule& kept) {
  return norms_of(base, values, kept);
}

}  // namespace vlm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace vlm {

HWY_EXPORT(add_to_floats);
HWY_EXPORT(add_to_halves);
HWY_EXPORT(add_agreeing_to_floats);
HWY_EXPORT(add_agreeing_to_halves);
HWY_EXPORT(norms_of_floats);
HWY_EXPORT(norms_of_halves);

bool add_deltas(std::span<const float> base, std::span<const WeightedDelta<float>> deltas,
                float divisor, float factor, std::span<float> out) {
  check(deltas.size() <= kMostDeltas, "add_deltas: at most 64");
  return HWY_DYNAMIC_DISPATCH(add_to_floats)(base, deltas, divisor, factor, out);
}
bool add_deltas(std::span<const Bfloat16> base, std::span<const WeightedDelta<Bfloat16>> deltas,
                float divisor, float factor, std::span<float> out) {
  check(deltas.size() <= kMostDeltas, "add_deltas: at most 64");
  return HWY_DYNAMIC_DISPATCH(add_to_halves)(base, deltas, divisor, factor, out);
}

bool add_agreeing_deltas(std::span<const float> base, std::span<const WeightedDelta<float>> deltas,
                         bool normalize, float factor, std::span<float> out) {
  check(deltas.size() <= kMostDeltas, "add_agreeing_deltas: at most 64");
  return HWY_DYNAMIC_DISPATCH(add_agreeing_to_floats)(base, deltas, normalize, factor, out);
}
bool add_agreeing_deltas(std::span<const Bfloat16> base,
                         std::span<const WeightedDelta<Bfloat16>> deltas, bool normalize,
                         float factor, std::span<float> out) {
  check(deltas.size() <= kMostDeltas, "add_agreeing_deltas: at most 64");
  return HWY_DYNAMIC_DISPATCH(add_agreeing_to_halves)(base, deltas, normalize, factor, out);
}

L1Norms l1_norms(std::span<const float> base, std::span<const float> values, const KeepRule& kept) {
  return HWY_DYNAMIC_DISPATCH(norms_of_floats)(base, values, kept);
}
L1Norms l1_norms(std::span<const Bfloat16> base, std::span<const Bfloat16> values,
                 const KeepRule& kept) {
  return HWY_DYNAMIC_DISPATCH(norms_of_halves)(base, values, kept);
}

}  // namespace vlm
#endif
