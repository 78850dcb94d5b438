export { type ActionsReport, type ReportPlace, reportToActions } from './report-to-actions.js'
