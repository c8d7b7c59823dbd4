// Where an object comes from, told by itself.
//
// Thread-safety: pure.
#pragma once

#include <string>
#include <string_view>

namespace plimsoll::codec {

/// What an object says of itself and of where it comes from.
struct Origins {
  std::string api_version, kind, name;
  /// What controls it: `Deployment` `web` for pods of its ReplicaSets; empty: nothing does.
  std::string owner_kind, owner_name;
  /// The name without what makes it unlike others of its origin: the owner's name, or that which
  /// the API server or a Deployment has added its letters to.
  std::string family;
};

/// Of an object's JSON; empty texts where it does not say.
Origins origins_of(std::string_view object);

}  // namespace plimsoll::codec
