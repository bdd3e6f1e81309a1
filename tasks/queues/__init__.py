"""Message brokers that jobs speak with: Kafka, RabbitMQ, streams of Redis. One module for each, one shape for all."""
