// Who answers, as the lab's application says it, without its modules.
const http = require('http');
http.createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.setHeader('x-backend-ip', process.env.SERVER_IP);
  response.end(JSON.stringify({
    hello: 'world!', ip: process.env.SERVER_IP,
    host: process.env.SERVER_NAME, tag: process.env.SERVER_TAG,
  }));
}).listen(3000);
