#include "core/number_text.h"

#include <sstream>

namespace vlm {

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace vlm
