namespace Gateway.Client.Messages;

/// <summary>What an answer says beside its outputs.</summary>
/// <param name="CacheAge">In seconds; null where the cache did not answer.</param>
internal record struct AnswerHead(Slice ModelName, Slice ModelVersion, Slice Id, int Outputs, Slice Cache, long? CacheAge, Slice Timing);
