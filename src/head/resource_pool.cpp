#include "head/resource_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "crema/errors.hpp"

namespace crema::head {
namespace {

/// Fractions are added up: three thirds are one.
constexpr double tolerance = 1e-9;

double total_of(const Resources& resources) {
  double sum = resources.cpus + resources.gpus;
  for (const auto& [name, amount] : resources.custom) sum += amount;
  return sum;
}

}  // namespace

ResourcePool::Seat ResourcePool::add_seat(RankId rank, const Offer& offer) {
  SeatState seat{.rank = rank, .cpus = offer.cpus};
  for (const std::string& name : offer.gpus) {
    auto device = std::find_if(devices_.begin(), devices_.end(), [&](const Device& known) {
      return known.owner == offer.gpu_owner && known.name == name;
    });
    if (device == devices_.end()) device = devices_.insert(devices_.end(), {offer.gpu_owner, name});
    seat.devices.push_back(static_cast<std::size_t>(device - devices_.begin()));
  }
  for (const auto& [name, amount] : offer.custom) seat.custom[name].offered = amount;
  seats_.push_back(std::move(seat));
  return static_cast<Seat>(seats_.size() - 1);
}

bool ResourcePool::could_hold(Seat number, const Resources& wanted) const {
  const SeatState& seat = seats_[number];
  if (wanted.cpus > seat.cpus + tolerance || std::ceil(wanted.gpus) > static_cast<double>(seat.devices.size()))
    return false;
  return std::all_of(wanted.custom.begin(), wanted.custom.end(), [&](const auto& want) {
    const auto offer = seat.custom.find(want.first);
    return want.second <= (offer == seat.custom.end() ? 0 : offer->second.offered) + tolerance;
  });
}

bool ResourcePool::fits(Seat number, const Resources& wanted, double cpus_in_use) const {
  const SeatState& seat = seats_[number];
  if (seat.cpus_taken + cpus_in_use + wanted.cpus > seat.cpus + tolerance) return false;
  for (const auto& [name, amount] : wanted.custom) {
    if (amount == 0) continue;
    const Custom& custom = seat.custom.at(name);
    if (custom.taken + amount > custom.offered + tolerance) return false;
  }
  return pick_devices(seat, wanted.gpus).has_value();
}

ResourcePool::Grant ResourcePool::take(Seat number, const Resources& wanted) {
  SeatState& seat = seats_[number];
  Grant grant{number, wanted, *pick_devices(seat, wanted.gpus)};
  seat.cpus_taken += wanted.cpus;
  for (const auto& [name, amount] : wanted.custom)
    if (amount > 0) seat.custom.at(name).taken += amount;
  for (const std::size_t device : grant.devices) devices_[device].taken += std::min(1.0, wanted.gpus);
  return grant;
}

std::optional<std::vector<std::size_t>> ResourcePool::pick_devices(const SeatState& seat, double gpus) const {
  std::vector<std::size_t> candidates;
  for (const std::size_t device : seat.devices)
    if (devices_[device].taken + std::min(1.0, gpus) <= 1 + tolerance) candidates.push_back(device);
  const auto count = static_cast<std::size_t>(std::ceil(gpus));
  if (candidates.size() < count) return std::nullopt;
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](std::size_t a, std::size_t b) { return devices_[a].taken > devices_[b].taken; });
  candidates.resize(count);
  return candidates;
}

void ResourcePool::give_back(const Grant& grant) {
  SeatState& seat = seats_[grant.seat];
  seat.cpus_taken = std::max(0.0, seat.cpus_taken - grant.resources.cpus);
  for (const auto& [name, amount] : grant.resources.custom)
    if (amount > 0) seat.custom.at(name).taken = std::max(0.0, seat.custom.at(name).taken - amount);
  for (const std::size_t device : grant.devices)
    devices_[device].taken = std::max(0.0, devices_[device].taken - std::min(1.0, grant.resources.gpus));
}

std::vector<std::string> ResourcePool::names(const Grant& grant) const {
  std::vector<std::string> names;
  for (const std::size_t device : grant.devices) names.push_back(devices_[device].name);
  return names;
}

Resources ResourcePool::total(const std::vector<Seat>& seats) const {
  Resources sum{.cpus = 0};
  std::set<std::size_t> devices;
  for (const Seat number : seats) {
    const SeatState& seat = seats_[number];
    sum.cpus += seat.cpus;
    devices.insert(seat.devices.begin(), seat.devices.end());
    for (const auto& [name, custom] : seat.custom)
      if (custom.offered > 0) sum.custom[name] += custom.offered;
  }
  sum.gpus = static_cast<double>(devices.size());
  return sum;
}

Resources ResourcePool::free(const std::vector<Seat>& seats) const {
  Resources sum = total(seats);
  std::set<std::size_t> devices;
  for (const Seat number : seats) {
    const SeatState& seat = seats_[number];
    sum.cpus -= seat.cpus_taken;
    devices.insert(seat.devices.begin(), seat.devices.end());
    for (const auto& [name, custom] : seat.custom)
      if (custom.offered > 0) sum.custom[name] -= custom.taken;
  }
  for (const std::size_t device : devices) sum.gpus -= devices_[device].taken;
  return sum;
}

Resources ResourcePool::offered(const SeatState& seat) const {
  Resources all{.cpus = seat.cpus, .gpus = static_cast<double>(seat.devices.size())};
  for (const auto& [name, custom] : seat.custom)
    if (custom.offered > 0) all.custom[name] = custom.offered;
  return all;
}

std::string ResourcePool::refusal(const Resources& wanted, const std::vector<Seat>& seats) const {
  const SeatState* largest = nullptr;
  for (const Seat number : seats) {
    if (largest == nullptr || total_of(offered(seats_[number])) > total_of(offered(*largest)))
      largest = &seats_[number];
  }
  return fmt::format(
      "it asks for {}, and no rank can ever offer that; the largest (rank {}) has {}. Ask for less, give ranks more "
      "cores (fewer ranks, --lanes auto), or say with --resources what they have",
      describe(wanted), largest->rank.number, describe(offered(*largest)));
}

std::string describe(const Resources& resources) {
  std::string text = fmt::format("{:g} cpus, {:g} gpus", resources.cpus, resources.gpus);
  for (const auto& [name, amount] : resources.custom) text += fmt::format(", {}={:g}", name, amount);
  return text;
}

}  // namespace crema::head
