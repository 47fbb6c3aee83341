namespace Gateway.Core.Scheduling;

/// <summary>What one more row of a model would meet here, for whoever decides whether it is served here.</summary>
/// <param name="Completion">Time until it would be answered; nothing where nothing is known of the model.</param>
/// <param name="Row">What each further row adds to that.</param>
/// <param name="Floor">Time that no other server could better by much: little more than a batch.</param>
/// <param name="IsFull">Whether it would be refused for want of room.</param>
/// <param name="Queued">Requests that wait.</param>
/// <param name="InService">Requests that are being run.</param>
/// <param name="RowsPerSecond">What all instances together can sustain; 0 where nothing is known.</param>
public readonly record struct QueueForecast(TimeSpan Completion, TimeSpan Row, TimeSpan Floor, bool IsFull, int Queued, int InService, double RowsPerSecond);
