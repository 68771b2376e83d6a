#pragma once

#include "crema/dataset_plan.hpp"

namespace crema::dataset {

/// The task that all datasets share: runs the steps of one block. Its result is a value in parts: the facts, then what
/// the last step made.
///
/// Arguments: the block's number (64 bits); then the steps in order, each as its function's number (32 bits) and its
/// arguments.
struct RunBlock {
  static Bytes body(void* subject, ByteReader& steps);
};

/// RunBlock's arguments.
Arguments encode_block(std::uint64_t number, const Work& work, const std::vector<Step>& steps);

BlockFacts read_facts(ByteReader& reader);

/// The facts of many blocks, one after the other, as it is given them.
struct ReadFacts {
  static Bytes body(void* subject, ByteReader& facts);
};

/// Of a result of RunBlock, as parts are counted on the wire: from 1, and the facts come first.
constexpr std::uint32_t facts_part = 1;
constexpr std::uint32_t made_part = 2;

}  // namespace crema::dataset
