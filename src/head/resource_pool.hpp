#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crema/ids.hpp"
#include "crema/options.hpp"

namespace crema::head {

/// What a rank offers to the work that runs on it.
struct Offer {
  double cpus = 1;
  std::int32_t lanes = 1;           ///< tasks that run at a time, if each takes a cpu
  std::vector<std::string> gpus{};  ///< as CUDA_VISIBLE_DEVICES names them
  /// Where the devices are: ranks with the same text here share those of the same name, which count once.
  std::string gpu_owner{};
  std::map<std::string, double> custom{};
};

/// What a rank offered, and what of it work had while it ran.
struct Use {
  double cpus = 0;
  double gpus = 0;
  double cpu_seconds = 0;
  double gpu_seconds = 0;
};

/// What ranks offer, and what of it is taken. A seat is a rank in one of its roles. Devices are handed out by name;
/// fractions of one task share one device, and the fullest that has room is taken. Used on the event loop's thread.
class ResourcePool {
 public:
  using Seat = std::uint32_t;

  /// What one piece of work has taken.
  struct Grant {
    Seat seat = 0;
    Resources resources{};
    std::vector<std::size_t> devices{};
  };

  Seat add_seat(RankId rank, const Offer& offer);
  /// Whether the seat could hold this if nothing else were there.
  [[nodiscard]] bool could_hold(Seat seat, const Resources& wanted) const;
  /// Whether it fits beside what is taken and `cpus_in_use` more. Requires could_hold.
  [[nodiscard]] bool fits(Seat seat, const Resources& wanted, double cpus_in_use = 0) const;
  /// Requires that it fits.
  Grant take(Seat seat, const Resources& wanted);
  void give_back(const Grant& grant);

  [[nodiscard]] std::vector<std::string> names(const Grant& grant) const;
  [[nodiscard]] double cpus(Seat seat) const { return seats_[seat].cpus; }
  [[nodiscard]] double cpus_taken(Seat seat) const { return seats_[seat].cpus_taken; }
  /// Work with these resources has run on the seat.
  void count_use(Seat seat, const Resources& resources, double seconds) {
    seats_[seat].cpu_seconds += resources.cpus * seconds;
    seats_[seat].gpu_seconds += resources.gpus * seconds;
  }
  [[nodiscard]] std::map<RankId, Use> uses() const;
  /// Over these seats.
  [[nodiscard]] Resources total(const std::vector<Seat>& seats) const;
  [[nodiscard]] Resources free(const std::vector<Seat>& seats) const;
  /// "asks for …, but …": why none of these seats could ever hold it; which would come nearest.
  [[nodiscard]] std::string refusal(const Resources& wanted, const std::vector<Seat>& seats) const;

 private:
  struct Device {
    std::string owner;
    std::string name;
    double taken = 0;
  };
  struct Custom {
    double offered = 0;
    double taken = 0;
  };
  struct SeatState {
    RankId rank;
    double cpus = 0;
    double cpus_taken = 0;
    double cpu_seconds = 0;
    double gpu_seconds = 0;
    std::vector<std::size_t> devices{};
    std::map<std::string, Custom> custom{};
  };

  [[nodiscard]] std::optional<std::vector<std::size_t>> pick_devices(const SeatState& seat, double gpus) const;
  [[nodiscard]] Resources offered(const SeatState& seat) const;

  std::vector<SeatState> seats_;
  std::vector<Device> devices_;
};

/// "2 cpus, 1 gpus, fpga=1".
std::string describe(const Resources& resources);

}  // namespace crema::head
