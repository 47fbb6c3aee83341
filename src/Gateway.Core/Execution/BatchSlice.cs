using Gateway.Core.Requests;

namespace Gateway.Core.Execution;

/// <summary>Rows of one request in a batch: <paramref name="Rows"/> rows from <paramref name="FirstRow"/> of the request stand from <paramref name="BatchRow"/> of the batch.</summary>
public readonly record struct BatchSlice(InferenceRequest Request, int FirstRow, int Rows, int BatchRow);
