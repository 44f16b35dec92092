using TokenBroker.Samples.WebChat;

await WebChatApplication.Create(args).RunAsync();
