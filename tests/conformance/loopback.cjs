// The suite's server listens on every address; loaded before it, this keeps it on loopback.
'use strict'
const net = require('node:net')

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (first, ...rest) {
  const isPort = /^\d+$/.test(String(first))
  return isPort
    ? listen.call(this, { port: Number(first), host: '127.0.0.1' }, ...rest)
    : listen.call(this, first, ...rest)
}
