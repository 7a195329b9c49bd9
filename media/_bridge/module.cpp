// The Python face of the extension: see ../_bridge.pyi for the documentation of each name.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bridge.hpp"
#include "pjsua.hpp"

namespace py = pybind11;
using namespace legroom;

using Samples = py::array_t<int16_t, py::array::c_style>;
// Whatever takes pjmedia's locks runs without the GIL, so that a media thread is never behind Python.
using WithoutGil = py::call_guard<py::gil_scoped_release>;

namespace {

Samples read_ring(RingPort& ring, std::optional<size_t> most) {
  const size_t count = std::min(ring.readable(), most.value_or(SIZE_MAX));
  Samples block(static_cast<py::ssize_t>(count));
  ring.read(block.mutable_data(), count);
  return block;
}

size_t write_ring(RingPort& ring, const Samples& block) {
  if (block.ndim() != 1) throw std::invalid_argument("samples must be one-dimensional");
  return ring.write(block.data(), static_cast<size_t>(block.size()));
}

py::dict statistics(const Bridge& bridge) {
  const TickStatistics now = bridge.statistics();
  py::dict named;
  named["count"] = now.count;
  named["late"] = now.late;
  named["jumps"] = now.jumps;
  named["worst_us"] = now.worst_us;
  named["busy_us"] = now.busy_us;
  named["longest_us"] = now.longest_us;
  return named;
}

void bind_ports(py::module_& module) {
  py::class_<Port, std::shared_ptr<Port>>(module, "Port").def_property_readonly("rate", [](const Port& port) {
    return port.format().rate;
  });
  py::class_<RingPort, Port, std::shared_ptr<RingPort>>(module, "RingPort")
      .def(py::init<unsigned, unsigned, unsigned>(), py::arg("rate"), py::arg("read_ms") = 1000,
           py::arg("write_ms") = 1000)
      .def("read", &read_ring, py::arg("most") = py::none())
      .def("write", &write_ring, py::arg("samples").noconvert())
      .def_property_readonly("readable", &RingPort::readable)
      .def_property_readonly("writable", &RingPort::writable)
      .def_property_readonly("overrun_samples", &RingPort::overrun_samples)
      .def_property_readonly("underruns", &RingPort::underruns);
  py::class_<StreamPort, Port, std::shared_ptr<StreamPort>>(module, "StreamPort")
      .def("detach", &StreamPort::detach, WithoutGil());
}

void bind_bridge(py::module_& module) {
  py::class_<Bridge>(module, "Bridge")
      .def(py::init<unsigned, unsigned, unsigned>(), py::arg("rate"), py::arg("workers") = 1,
           py::arg("max_ports") = 2304, WithoutGil())
      .def("add", &Bridge::add, py::arg("port").none(false), WithoutGil())
      .def("remove", &Bridge::remove, py::arg("slot"), WithoutGil())
      .def("connect", &Bridge::connect, py::arg("source"), py::arg("sink"), py::arg("gain") = 1.0, WithoutGil())
      .def("disconnect", &Bridge::disconnect, py::arg("source"), py::arg("sink"), WithoutGil())
      .def("set_gain", &Bridge::set_gain, py::arg("source"), py::arg("sink"), py::arg("gain"), WithoutGil())
      .def("levels", &Bridge::levels, py::arg("slot"), WithoutGil())
      .def("close", &Bridge::close, WithoutGil())
      .def("statistics", &statistics)
      .def("fileno", &Bridge::event_fd)
      .def_property_readonly("ports", &Bridge::ports)
      .def_property_readonly("rate", &Bridge::rate);
}

void bind_pjsua(py::module_& module) {
  py::class_<Waker>(module, "Waker")
      .def(py::init<>(), WithoutGil())
      .def("wake", &Waker::wake, WithoutGil())
      .def("close", &Waker::close, WithoutGil());
  module.def("take_stream_port", &take_stream_port, py::arg("param"), WithoutGil());
  module.def("answer_unhandled_requests", &answer_unhandled_requests, WithoutGil());
  module.def("register_thread", &register_thread);
  module.def("capture_log", [](int level) { Log::instance().capture(level); }, py::arg("level"));
  module.def("drain_log", [] {
    // As bytes: lines quote what peers sent, which need not be UTF-8.
    std::vector<std::pair<int, py::bytes>> lines;
    for (const auto& [level, text] : Log::instance().drain()) lines.emplace_back(level, py::bytes(text));
    return lines;
  });
}

}  // namespace

PYBIND11_MODULE(_bridge, module) {
  register_thread();
  static py::exception<PjError> error(module, "PjError", PyExc_RuntimeError);
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const PjError& failure) {
      py::set_error(error, failure.what());
    }
  });
  module.attr("DRAIN") = Bridge::kDrain;
  module.attr("FRAME_MS") = kFrameMs;
  bind_ports(module);
  bind_bridge(module);
  bind_pjsua(module);
}
