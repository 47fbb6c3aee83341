namespace Gateway.Client.Messages;

/// <summary>What an answer says beside its outputs.</summary>
internal record struct AnswerHead(Slice ModelName, Slice ModelVersion, Slice Id, int Outputs);
