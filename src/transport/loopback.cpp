#include "transport/loopback.hpp"

namespace crema::transport {

struct LoopbackNetwork::Link {
  struct Waiting {
    Bytes bytes;
    int polls_left = 0;
  };
  std::list<Waiting> packets;  // an empty one holds no memory: there are as many as pairs of ranks
};

class LoopbackNetwork::Endpoint final : public Transport {
 public:
  Endpoint(LoopbackNetwork& network, RankId rank) : network_{network}, rank_{rank} {}

  RankId rank() const override { return rank_; }
  int size() const override { return network_.size_; }
  std::size_t sends_pending() const override { return 0; }

  void abandon(RankId) override {}
  void send(RankId to, Bytes packet) override {
    const std::lock_guard lock{network_.mutex_};
    network_.log_.push_back({rank_, to, packet});
    network_.count_packet(rank_, to);
    if (network_.cut_[rank_.number] || network_.cut_[to.number]) return;
    std::uniform_int_distribution delay{0, network_.max_delay_};
    network_.link(rank_, to).packets.push_back({std::move(packet), delay(network_.random_)});
  }

  std::optional<Packet> receive() override {
    const std::lock_guard lock{network_.mutex_};
    if (network_.cut_[rank_.number]) {
      Bytes& last = network_.last_[static_cast<std::size_t>(rank_.number)];
      if (last.empty()) return std::nullopt;
      return Packet{head_rank, std::exchange(last, {})};
    }
    std::optional<Packet> packet;
    for (int i = 0; i < network_.size_; ++i) {
      const RankId from{(first_ + i) % network_.size_};
      auto& packets = network_.link(from, rank_).packets;
      if (packets.empty() || packets.front().polls_left-- > 0 || packet) continue;
      packet = Packet{from, std::move(packets.front().bytes)};
      packets.pop_front();
    }
    first_ = (first_ + 1) % network_.size_;  // no sender can starve another
    return packet;
  }

 private:
  LoopbackNetwork& network_;
  RankId rank_;
  int first_ = 0;
};

LoopbackNetwork::LoopbackNetwork(int ranks, std::uint64_t seed)
    : size_{ranks},
      random_{seed},
      cut_(ranks, false),
      last_(static_cast<std::size_t>(ranks)),
      links_(static_cast<std::size_t>(ranks) * ranks) {
  for (int rank = 0; rank < ranks; ++rank) endpoints_.push_back(std::make_unique<Endpoint>(*this, RankId{rank}));
}

LoopbackNetwork::~LoopbackNetwork() = default;

Transport& LoopbackNetwork::endpoint(RankId rank) { return *endpoints_.at(rank.number); }

LoopbackNetwork::Link& LoopbackNetwork::link(RankId from, RankId to) {
  return links_[static_cast<std::size_t>(from.number) * size_ + to.number];
}

void LoopbackNetwork::delay_up_to(int polls) {
  const std::lock_guard lock{mutex_};
  max_delay_ = polls;
}

void LoopbackNetwork::cut(RankId rank, Bytes last) {
  const std::lock_guard lock{mutex_};
  cut_[rank.number] = true;
  last_[static_cast<std::size_t>(rank.number)] = std::move(last);
}

void LoopbackNetwork::cut_after(std::size_t packets, RankId rank, Bytes last, std::function<void()> then) {
  const std::lock_guard lock{mutex_};
  faults_.push_back({packets, rank, std::move(last), std::move(then), false});
}

void LoopbackNetwork::count_packet(RankId from, RankId to) {
  for (Fault& fault : faults_) {
    if (fault.over || (from != fault.rank && to != fault.rank) || fault.packets_left-- > 0) continue;
    cut_[static_cast<std::size_t>(fault.rank.number)] = true;
    last_[static_cast<std::size_t>(fault.rank.number)] = std::move(fault.last);
    fault.then();
    fault.over = true;
  }
}

bool LoopbackNetwork::is_cut(RankId rank) const {
  const std::lock_guard lock{mutex_};
  return cut_[static_cast<std::size_t>(rank.number)];
}

std::vector<LoopbackNetwork::Record> LoopbackNetwork::log() const {
  const std::lock_guard lock{mutex_};
  return log_;
}

}  // namespace crema::transport
